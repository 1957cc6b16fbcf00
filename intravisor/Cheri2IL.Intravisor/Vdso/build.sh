#!/bin/bash
# Builds vdso.so with clang 19; the result is committed. With --check: builds it elsewhere and compares.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../../corpus/toolchain.sh
need_clang
output=vdso.so
if [ "${1:-}" = --check ]; then
    output=$(mktemp)
    trap 'rm -f "$output"' EXIT
fi
"$CLANG" --target=riscv64-unknown-linux-gnu -march=rv64gc -mabi=lp64d -std=gnu17 -O2 -Wall -Wextra -Werror -ffreestanding -fPIC \
    -fasynchronous-unwind-tables -fno-ident -fno-stack-protector -fno-jump-tables -fuse-ld=lld -nostdlib -shared -Wl,-T,vdso.lds -Wl,--version-script=vdso.map \
    -Wl,-soname,linux-vdso.so.1 -Wl,--hash-style=both -Wl,--eh-frame-hdr -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,norelro \
    -Wl,--strip-all vdso.c -o "$output"
[ "$output" = vdso.so ] || cmp "$output" vdso.so
