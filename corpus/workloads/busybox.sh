#!/bin/bash
# Runs the cases of busybox.tsv under an engine and natively, and compares standard output and exit status:
#
#   corpus/workloads/busybox.sh qemu-riscv64
#   corpus/workloads/busybox.sh tools/cheri2il run --root DATA
#   ONLY=sort corpus/workloads/busybox.sh ...       only the cases whose name begins so
#   LIMIT=60 corpus/workloads/busybox.sh ...        seconds that a case may take, 120 if not said
#
# The words given are put in front of the riscv64 busybox and its arguments; the word DATA becomes the data's folder.
# Prints one line per case that differs, then the counts.
set -uo pipefail
export LC_ALL=C TZ=UTC
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ $# -ge 1 ] || { echo 'usage: busybox.sh ENGINE...' >&2; exit 64; }
"$CORPUS/debian/fetch.sh" > /dev/null || exit
data=$CACHE/workload-data
native=$CACHE/debian-amd64/usr/bin/busybox
guest=$CACHE/debian-riscv64/usr/bin/busybox
"$CORPUS/workloads/generate.sh" "$data" "$native" || exit

engine=()
for word in "$@"; do
    case $word in
        DATA) word=$data ;;
        */*) word=$(realpath "$word") ;;
    esac
    engine+=("$word")
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$data"
passed=0 failed=0 skipped=0
while IFS=$'\t' read -r -a fields; do
    name=${fields[0]} input=${fields[1]}
    [[ $name == "${ONLY:-}"* ]] || continue
    [ "$input" = - ] && input=/dev/null
    if [[ "${fields[*]}" == *text.xz* ]] && [ ! -e text.xz ]; then
        echo "$name: skipped, there was no xz to make its input (apt-get install xz-utils)"
        skipped=$((skipped + 1))
        continue
    fi
    "$native" "${fields[@]:2}" < "$input" > "$work/expected" 2> /dev/null
    expected=$?
    timeout --foreground --signal=KILL "${LIMIT:-120}" "${engine[@]}" "$guest" "${fields[@]:2}" < "$input" > "$work/actual" 2> "$work/errors"
    status=$?
    if [ $status = $expected ] && cmp -s "$work/expected" "$work/actual"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name: status $status instead of $expected; $(cmp "$work/expected" "$work/actual" 2>&1); $(tail -n 1 "$work/errors")"
    fi
done < <(grep -v '^#' "$CORPUS/workloads/busybox.tsv")
rm -f scratch-*
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
