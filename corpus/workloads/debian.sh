#!/bin/bash
# Runs the cases of debian.tsv, dynamically linked programs of Debian 13, under an engine, and compares exit status and the hash of
# standard output with what the amd64 packages gave:
#
#   corpus/workloads/debian.sh tools/cheri2il run --root ROOT
#   ONLY=sort corpus/workloads/debian.sh ...        only the cases whose name begins so
#   LIMIT=60 corpus/workloads/debian.sh ...         seconds that a case may take, 300 if not said
#   corpus/workloads/debian.sh --prepare            fetches the tree and prints its path
#   corpus/workloads/debian.sh --bless              writes status and hash anew, from the amd64 packages under chroot, as root
#
# The words given are put in front of each case's; the word ROOT becomes the tree, which has the data of generate.sh as /data.
set -uo pipefail
export LC_ALL=C TZ=UTC
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ $# -ge 1 ] || { echo 'usage: debian.sh ENGINE... | --prepare | --bless' >&2; exit 64; }
cases=$CORPUS/workloads/debian.tsv

prepare() { # architecture
    local tree
    "$CORPUS/debian/fetch.sh" > /dev/null || return
    "$CORPUS/workloads/generate.sh" "$CACHE/workload-data" "$CACHE/debian-amd64/usr/bin/busybox" || return
    tree=$("$CORPUS/debian/fetch.sh" --apps "$1") || return
    for file in text.txt small.txt numbers.txt table.csv; do
        [ -e "$tree/data/$file" ] || ln "$CACHE/workload-data/$file" "$tree/data/$file" || return
    done
    echo "$tree"
}

if [ "$1" = --prepare ]; then
    prepare riscv64
    exit
fi

if [ "$1" = --bless ]; then
    tree=$(prepare amd64) || exit
    rm -f "$tree/tmp/test.db"
    while IFS=$'\t' read -r -a fields; do
        if [[ ${fields[0]} == \#* ]]; then
            (IFS=$'\t'; echo "${fields[*]}")
            continue
        fi
        hash=$(chroot "$tree" "${fields[@]:3}" < /dev/null 2> /dev/null | sha256sum; exit "${PIPESTATUS[0]}")
        status=$?
        (IFS=$'\t'; fields[1]=$status fields[2]=${hash%% *}; echo "${fields[*]}")
    done < "$cases" > "$cases.new"
    mv "$cases.new" "$cases"
    exit
fi

tree=$(prepare riscv64) || exit
engine=()
for word in "$@"; do
    [ "$word" = ROOT ] && word=$tree
    engine+=("$word")
done
passed=0 failed=0
while IFS=$'\t' read -r -a fields; do
    [[ ${fields[0]} == "${ONLY:-}"* ]] || continue
    hash=$(timeout --foreground --signal=KILL "${LIMIT:-300}" "${engine[@]}" "${fields[@]:3}" < /dev/null 2> /dev/null | sha256sum; exit "${PIPESTATUS[0]}")
    status=$?
    if [ $status = "${fields[1]}" ] && [ "${hash%% *}" = "${fields[2]}" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "${fields[0]}: status $status, hash ${hash%% *} instead of ${fields[1]}, ${fields[2]}"
    fi
done < <(grep -v '^#' "$cases")
echo "$passed passed, $failed failed"
[ $failed = 0 ]
