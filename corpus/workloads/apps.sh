#!/bin/bash
# Prepares what `cheri2il bench apps` compares, and prints where it is, as one JSON object on stdout: Debian 13's programs for riscv64 and for this
# machine's amd64, both with the data and scripts as /data, and the qemu-user of Debian 12 and of Debian 13, which lie inside the riscv64 tree so that they
# can be started there by chroot. An engine that cannot be had is null, and said so on stderr.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ "$(uname -m)" = x86_64 ] || { echo "apps.sh: the native programs are amd64's; this machine is $(uname -m)" >&2; exit 69; }

guest=$("$CORPUS/workloads/debian.sh" --prepare)
native=$("$CORPUS/debian/fetch.sh" --apps amd64)
for tree in "$guest" "$native"; do
    for file in text.txt text.gz text.xz; do
        [ -e "$tree/data/$file" ] || ln "$CACHE/workload-data/$file" "$tree/data/$file"
    done
    mkdir -p "$tree/data/apps" "$tree/tmp"
    cp "$CORPUS"/workloads/apps/* "$tree/data/apps/"
done

emulator() { # suite package
    local home=$CACHE/qemu-$1 into=$guest/run/qemu-$1
    if [ ! -x "$into" ]; then
        DEBIAN_SUITE=$1 "$CORPUS/debian/fetch.sh" --into "$home" amd64 "$2" >&2 || return
        cp "$home"/usr/bin/qemu-riscv64"${3:-}" "$into.new" && mv "$into.new" "$into" || return
    fi
    echo "/run/qemu-$1"
}

old=$(emulator bookworm qemu-user-static -static) || echo 'apps.sh: no qemu-user of Debian 12' >&2
new=$(emulator trixie qemu-user) || echo 'apps.sh: no qemu-user of Debian 13' >&2
quoted() { if [ -n "$1" ]; then echo "\"$1\""; else echo null; fi; }
cat <<JSON
{
  "guest": $(quoted "$guest"),
  "native": $(quoted "$native"),
  "cases": $(quoted "$CORPUS/workloads/apps.tsv"),
  "qemu7": $(quoted "$old"),
  "qemu10": $(quoted "$new")
}
JSON
