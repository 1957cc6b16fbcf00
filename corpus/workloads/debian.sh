#!/bin/bash
# Runs the cases of debian.tsv, dynamically linked programs of Debian 13, and the scripts of scripts/ under an engine, and compares exit
# status and the hash of standard output, or a script's output (NAME.out), with what the amd64 packages gave:
#
#   corpus/workloads/debian.sh tools/cheri2il run --root ROOT
#   ONLY=sort corpus/workloads/debian.sh ...        only the cases whose name begins so
#   LIMIT=60 corpus/workloads/debian.sh ...         seconds that a case may take, 900 if not said
#   corpus/workloads/debian.sh --prepare [ARCH]     fetches the tree, of riscv64 unless told otherwise, and prints its path
#   corpus/workloads/debian.sh --bless              writes status and hash, or output, anew, from the amd64 packages (native.sh), as root
#
# The words given are put in front of each case's; the word ROOT becomes the tree, which has the data of generate.sh as /data and the
# scripts as /scripts.
set -uo pipefail
export LC_ALL=C TZ=UTC
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ $# -ge 1 ] || { echo 'usage: debian.sh ENGINE... | --prepare | --bless' >&2; exit 64; }
cases=$CORPUS/workloads/debian.tsv
scripts=$CORPUS/workloads/scripts

prepare() { # architecture
    local tree
    "$CORPUS/debian/fetch.sh" > /dev/null || return
    "$CORPUS/workloads/generate.sh" "$CACHE/workload-data" "$CACHE/debian-amd64/usr/bin/busybox" || return
    tree=$("$CORPUS/debian/fetch.sh" --apps "$1") || return
    for file in text.txt small.txt numbers.txt table.csv; do
        [ -e "$tree/data/$file" ] || ln "$CACHE/workload-data/$file" "$tree/data/$file" || return
    done
    mkdir -p "$tree/scripts"
    for file in "$scripts"/*.{ash,dash,bash,py} "$CORPUS/workloads/python-tests.py"; do
        cmp -s "$file" "$tree/scripts/${file##*/}" || cp "$file" "$tree/scripts/" || return
    done
    echo "$tree"
}

# The words that run a script: those of its first line and its path in the tree.
command_of() { # script
    read -r -a command < "$1"
    command=("${command[0]#??}" "${command[@]:1}" "/scripts/${1##*/}")
}

if [ "$1" = --prepare ]; then
    prepare "${2:-riscv64}"
    exit
fi

if [ "$1" = --bless ]; then
    tree=$(prepare amd64) || exit
    native=$CORPUS/workloads/native.sh
    for script in "$scripts"/*.{ash,dash,bash,py}; do
        [[ ${script##*/} == "${ONLY:-}"* ]] || continue
        command_of "$script"
        "$native" "$tree" "${command[@]}" < /dev/null > "$script.out" || exit
    done
    [ -z "${ONLY:-}" ] || exit 0
    while IFS=$'\t' read -r -a fields; do
        if [[ ${fields[0]} == \#* ]]; then
            (IFS=$'\t'; echo "${fields[*]}")
            continue
        fi
        hash=$("$native" "$tree" "${fields[@]:3}" < /dev/null 2> /dev/null | sha256sum; exit "${PIPESTATUS[0]}")
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
    hash=$(timeout --foreground --signal=KILL "${LIMIT:-900}" "${engine[@]}" "${fields[@]:3}" < /dev/null 2> /dev/null | sha256sum; exit "${PIPESTATUS[0]}")
    status=$?
    if [ $status = "${fields[1]}" ] && [ "${hash%% *}" = "${fields[2]}" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "${fields[0]}: status $status, hash ${hash%% *} instead of ${fields[1]}, ${fields[2]}"
    fi
done < <(grep -v '^#' "$cases")
for script in "$scripts"/*.{ash,dash,bash,py}; do
    [[ ${script##*/} == "${ONLY:-}"* ]] || continue
    command_of "$script"
    if difference=$(timeout --foreground --signal=KILL "${LIMIT:-900}" "${engine[@]}" "${command[@]}" < /dev/null 2> /dev/null | diff "$script.out" -; exit $((PIPESTATUS[0] | PIPESTATUS[1]))); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s:\n%s\n' "${script##*/}" "$difference"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
