#!/bin/sh
# Writes float-vectors.txt.gz beside this script. Needs riscv64-linux-gnu-gcc and qemu-riscv64
# (Debian: gcc-riscv64-linux-gnu, libc6-dev-riscv64-cross, qemu-user). The output has no time stamp in it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
riscv64-linux-gnu-gcc -O1 -static -o "$work/float-vectors" "$here/float-vectors.c"
qemu-riscv64 "$work/float-vectors" > "$work/float-vectors.txt"
gzip -9n < "$work/float-vectors.txt" > "${1:-$here/float-vectors.txt.gz}"
