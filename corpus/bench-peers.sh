#!/bin/bash
# Builds every kernel for every engine of `cheri2il bench cpu`, in the cache, and prints where each is as JSON:
#
#   { "compiler": ..., "kernels": { "sieve": { "freestanding": PATH, "riscv_musl": PATH, "native_clang_musl": PATH,
#                                              "native_gcc": PATH, "wasm": PATH } } }
#
# A variant whose compiler is missing is null, with the reason on standard error. Nothing is rebuilt while sources,
# scripts and compilers stay the same.
set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
cd "$CORPUS"
need_clang

key=$(cat kernels/*.[ch] toolchain.sh bench-peers.sh <("$CLANG" --version) <(gcc --version 2> /dev/null) |
    sha256sum | cut -c1-16)
out=$CACHE/kernels-$key
mkdir -p "$out"

variant() { # name kernel: builds it unless it is there; fails when it cannot be built
    local source=kernels/$2.c target=$out/$2.$1
    [ -e "$target" ] && return
    case $1 in
        riscv_musl) musl_build riscv64 "$target.new" -O2 "$source" ;;
        native_clang_musl) musl_build amd64 "$target.new" -O2 "$source" ;;
        native_gcc) gcc -O2 "$source" -o "$target.new" -lm ;;
        wasm) "$CLANG" --target=wasm32-wasi -O2 "$source" -o "$target.new" -lm ;;
    esac
    mv "$target.new" "$target"
}

variants=(riscv_musl native_clang_musl native_gcc wasm)
declare -A available
for name in "${variants[@]}"; do
    # Errors are shown once, by the first kernel; the others then are not tried.
    if (variant "$name" fib) >&2; then
        available[$name]=yes
    else
        available[$name]=no
        echo "bench-peers.sh: no $name builds" >&2
    fi
done

printf '{\n  "compiler": "%s",\n  "kernels": {' "$("$CLANG" --version | head -1)"
separator=
for source in kernels/*.c; do
    kernel=$(basename "$source" .c)
    printf '%s\n    "%s": { "freestanding": "%s"' "$separator" "$kernel" "$CORPUS/kernels/bin/$kernel.elf"
    separator=,
    for name in "${variants[@]}"; do
        if [ "${available[$name]}" = yes ]; then
            variant "$name" "$kernel" >&2
            printf ', "%s": "%s"' "$name" "$out/$kernel.$name"
        else
            printf ', "%s": null' "$name"
        fi
    done
    printf ' }'
done
printf '\n  }\n}\n'
