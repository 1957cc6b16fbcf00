#!/bin/bash
# Runs the modules of CPython's own test suite that python-tests.tsv names under an engine, by python3 -m test, and compares how many tests ran, were
# skipped and failed with what the table says:
#
#   corpus/workloads/python-tests.sh tools/cheri2il run --root ROOT
#   ONLY='test_json test_os' corpus/workloads/python-tests.sh ...     only those modules
#   LIMIT=900 corpus/workloads/python-tests.sh ...                    seconds that a module may take, 600 if not said
#   corpus/workloads/python-tests.sh --native                         the native column, from the amd64 packages (native.sh), as root
#
# The words given are put in front of the guest's; the word ROOT becomes the tree of debian.sh. All modules run in one cVM, each as a process.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ $# -ge 1 ] || { echo 'usage: python-tests.sh ENGINE... | --native' >&2; exit 64; }
table=$CORPUS/workloads/python-tests.tsv
column=3
if [ "$1" = --native ]; then
    tree=$("$CORPUS/workloads/debian.sh" --prepare amd64) || exit
    engine=("$CORPUS/workloads/native.sh" "$tree")
    column=2
else
    tree=$("$CORPUS/workloads/debian.sh" --prepare) || exit
    engine=()
    for word in "$@"; do
        [ "$word" = ROOT ] && word=$tree
        engine+=("$word")
    done
fi

declare -A expected
modules=()
while IFS=$'\t' read -r module native guest _; do
    [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $module "* ]] || continue
    modules+=("$module")
    if [ $column = 2 ] || [ "$guest" = = ]; then expected[$module]=$native; else expected[$module]=$guest; fi
done < <(grep -v '^#' "$table")

passed=0 failed=0
while IFS=$'\t' read -r module result; do
    if [ "$result" = "${expected[$module]}" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$module: $result instead of ${expected[$module]}"
    fi
    unset "expected[$module]"
done < <("${engine[@]}" /usr/bin/python3 /scripts/python-tests.py "${LIMIT:-600}" "${modules[@]}" 2> /dev/null)
for module in "${!expected[@]}"; do
    failed=$((failed + 1))
    echo "$module: did not run"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
