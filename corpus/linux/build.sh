#!/bin/bash
# Builds the programs here, each of which tries one family of Linux' system calls, with Debian 13's musl.
#
#   corpus/linux/build.sh [NAME...]            for riscv64, into bin/NAME.elf, which is committed
#   corpus/linux/build.sh --native [NAME...]   for this machine, and runs them: each has to print NAME.out
#   corpus/linux/build.sh --bless [NAME...]    likewise, but NAME.out becomes what is printed
set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
need_clang
cd "$CORPUS/linux"

mode=guest
case ${1:-} in --native | --bless) mode=${1#--}; shift ;; esac
[ $# -gt 0 ] || set -- $(ls ./*.c | sed 's,./\(.*\)\.c,\1,')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

status=0
for name in "$@"; do
    options=(-std=gnu17 -O2 -Wall -Wextra -Werror -Wno-unused-result -ffile-prefix-map="$CORPUS"=. "$name.c")
    if [ $mode = guest ]; then
        musl_build riscv64 bin/"$name".elf "${options[@]}"
        "$OBJCOPY" --remove-section=.comment --strip-all bin/"$name".elf
        continue
    fi
    musl_build amd64 "$work/$name" "${options[@]}"
    (cd "$work" && timeout 60 "./$name") > "$work/$name.out" || { echo "$name: failed" >&2; status=1; }
    if [ $mode = bless ]; then
        cp "$work/$name.out" "$name.out"
    else
        diff "$name.out" "$work/$name.out" || status=1
    fi
done
exit $status
