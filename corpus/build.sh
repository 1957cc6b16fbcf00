#!/bin/bash
# Builds the committed freestanding guests (kernels, hello, programs, attacks, ipc, cheri) with clang 19 and corpus/lib, and the
# manifest that lists them.
#
#   corpus/build.sh           rebuild them in place
#   corpus/build.sh --check   rebuild into a temporary folder and compare, byte for byte; exit 1 on any difference
#   corpus/build.sh NAME...   rebuild only these (such as kernels/fib)
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./toolchain.sh
need_clang

check=no
[ "${1:-}" = --check ] && { check=yes; shift; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same bytes on every machine: relative paths only, no build id, no producer section.
common=(--target=riscv64-unknown-linux-gnu -march=rv64gc -mabi=lp64d -nostdlibinc -isystem lib/include -isystem include
        -fPIE -fvisibility=hidden -fno-stack-protector -fasynchronous-unwind-tables -fno-ident -fdebug-compilation-dir=. -gline-tables-only)
link=(--target=riscv64-unknown-linux-gnu -fuse-ld=lld -nostdlib -static-pie -Wl,--build-id=none
      -Wl,--hash-style=gnu -Wl,-z,noexecstack -Wl,-z,relro -Wl,--gc-sections)
warn=(-std=gnu17 -Wall -Wextra -Werror)

lib=()
for source in lib/*.c lib/*.S; do
    object=$work/${source//\//-}.o
    "$CLANG" "${common[@]}" "${warn[@]}" -O2 -ffreestanding -fno-builtin -ffunction-sections -c "$source" -o "$object"
    lib+=("$object")
done

# Without the compressed floating-point accesses, whose encodings are those of capabilities in capability mode.
build_image() { # source elf option...
    "$CLANG" "${common[@]}" "${@:3}" -march=rv64imafd_zca -mno-relax -c "$1" -o "$work/object.o"
    ld.lld-19 --oformat=binary -Ttext=0 --entry=_start "$work/object.o" -o "$2"
}

# Extra compiler options of one program stand in its source, after "build:".
build() { # source elf
    local extra attributes=()
    case ${1%/*} in cheri/purecap | cheri/kernels)
        # The whole file is one section of the object: lib/include/cheri/purecap.h.
        build_image "$1" "$2"
        [ "${1%/*}" = cheri/purecap ] || build_image "$1" "${2%.elf}-plain.elf" -DPLAIN
        return ;;
    esac
    # What makes a program hybrid is an attribute that clang does not know.
    if [ "${1%/*}" = cheri/hybrid ]; then
        "$CLANG" "${common[@]}" -mno-default-build-attributes -c cheri/attributes.S -o "$work/attributes.o"
        attributes=("$work/attributes.o")
    fi
    extra=$(sed -n 's,^\(//\|#\) build: ,,p' "$1")
    # shellcheck disable=SC2086  # the options are words
    "$CLANG" "${common[@]}" "${warn[@]}" -O2 $extra -c "$1" -o "$work/object.o"
    "$CLANG" "${link[@]}" "$work/object.o" "${attributes[@]}" -Wl,--start-lib "${lib[@]}" -Wl,--end-lib -o "$2"
    # Line numbers only where somebody profiles or steps; the attacks are many and stay small.
    case $1 in
        attacks/* | cheri/*) "$OBJCOPY" --remove-section=.comment --strip-debug "$2" ;;
        *) "$OBJCOPY" --remove-section=.comment "$2" ;;
    esac
}

output() { # source: where its guest belongs
    local name=${1%.*}
    echo "${name%/*}/bin/${name##*/}.elf"
}

outputs() { # source: all its guests
    local elf
    elf=$(output "$1")
    echo "$elf"
    case $1 in cheri/kernels/*) echo "${elf%.elf}-plain.elf" ;; esac
}

folders=(hello kernels programs attacks ipc cheri/hybrid cheri/purecap cheri/kernels)
all=()
for folder in "${folders[@]}"; do
    for source in "$folder"/*.[cS]; do [ -e "$source" ] && all+=("$source"); done
done

sources=()
if [ $# -gt 0 ]; then
    for name in "$@"; do sources+=("$(ls "$name".[cS])"); done
else
    sources=("${all[@]}")
fi

manifest() { # folder that holds the guests
    local elf first=yes source
    echo '{'
    echo '  "licence": "MIT",'
    echo '  "origin": "built by corpus/build.sh from the named source and corpus/lib, all written for this project",'
    echo "  \"compiler\": \"$("$CLANG" --version | head -1)\","
    echo '  "files": ['
    for source in "${all[@]}"; do
        for elf in $(outputs "$source"); do
            [ $first = yes ] || echo ','
            first=no
            printf '    { "path": "%s", "source": "%s", "bytes": %d, "sha256": "%s" }' "$elf" "$source" \
                "$(stat -c %s "$1/$elf")" "$(sha256sum "$1/$elf" | cut -d' ' -f1)"
        done
    done
    printf '\n  ]\n}\n'
}

if [ $check = no ]; then
    for source in "${sources[@]}"; do
        elf=$(output "$source")
        mkdir -p "${elf%/*}"
        build "$source" "$elf"
    done
    manifest . > "$work/manifest.json"
    mv "$work/manifest.json" manifest.json
    echo "built ${#sources[@]} guests" >&2
    exit
fi

differing=0
for source in "${sources[@]}"; do
    elf=$(output "$source")
    mkdir -p "$work/fresh/${elf%/*}"
    build "$source" "$work/fresh/$elf"
    for elf in $(outputs "$source"); do
        cmp "$work/fresh/$elf" "$elf" || differing=$((differing + 1))
    done
done
if [ $# -eq 0 ]; then
    manifest "$work/fresh" | diff - manifest.json || differing=$((differing + 1))
    for elf in {hello,kernels,programs,attacks,ipc,cheri/hybrid,cheri/purecap,cheri/kernels}/bin/*.elf; do
        [ ! -e "$elf" ] || [ -e "$work/fresh/$elf" ] || { echo "$elf has no source" >&2; differing=$((differing + 1)); }
    done
fi
echo "${#sources[@]} guests compared, $differing differ" >&2
[ "$differing" -eq 0 ]
