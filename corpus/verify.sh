#!/bin/bash
# Runs the committed guests under qemu-riscv64 and compares with what their sources expect.
#
#   corpus/verify.sh          everything
#   corpus/verify.sh --bless  write the expected output of programs/ and kernels/ from what qemu prints
#
# A source states "// expect ARGUMENTS: OUTCOME" (or "# expect"), one line per case. OUTCOME is "exit N",
# "signal NAME" or "limit": the case must still be running when its time is over. Cases that "qemu-differs:" names by
# their arguments are skipped here, because qemu-user gives a program the host's address space and its own rules.
set -uo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
cd "$CORPUS"
need qemu-riscv64 qemu-user
bless=no
[ "${1:-}" = --bless ] && bless=yes

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

report() { # case verdict: an empty verdict is a success
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: $2; $(head -c 200 "$work/out")"
    fi
}

compare() { # expected-output-file: prints what is wrong
    [ $bless = yes ] && cp "$work/out" "$1"
    cmp -s "$work/out" "$1" || echo 'other output'
}

run() { # seconds elf argument...
    # The shell in between keeps the reports of fatal signals out of the output.
    bash -c 'timeout --signal=KILL "$@"; exit $?' run "$1" qemu-riscv64 "${@:2}" > "$work/out" 2> "$work/err"
}

for source in hello/*.[cS] programs/*.[cS] attacks/*.[cS]; do
    name=${source##*/}
    name=${name%.*}
    elf=${source%/*}/bin/$name.elf
    differs=$(sed -n 's,^\(//\|#\) qemu-differs: ,,p' "$source")
    while IFS= read -r line; do
        arguments=${line%%: *} outcome=${line#*: }
        arguments=${arguments# }
        if [[ " $differs " == *" ${arguments:-none} "* ]]; then
            skipped=$((skipped + 1))
            continue
        fi
        limit=20
        [ "$outcome" = limit ] && limit=0.5
        # shellcheck disable=SC2086  # the arguments are words
        run $limit "$elf" $arguments
        status=$?
        case $outcome in
            limit) expected=137 ;;
            exit\ *) expected=${outcome#exit } ;;
            signal\ *) expected=$((128 + $(kill -l "${outcome#signal SIG}"))) ;;
        esac
        verdict=
        [ $status = "$expected" ] || verdict="status $status instead of $expected"
        if [ "${source%/*}" = programs ] && [ -z "$arguments" ]; then
            verdict=$verdict$(compare "programs/$name.out")
        fi
        report "$elf $arguments" "$verdict"
    done < <(sed -n 's,^\(//\|#\) expect\( [^:]*\)\?: ,\2: ,p' "$source")
done

for source in kernels/*.c; do
    name=$(basename "$source" .c)
    run 120 "kernels/bin/$name.elf"
    report "$name" "$(compare "kernels/$name.out")"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
