#!/bin/bash
# Builds the Lua interpreter of Debian 13's source package as a static-pie for riscv64 and for this machine, with the
# same compiler, flags and musl, and prints where they are as JSON.
set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
need_clang

out=$CACHE/lua-$(cat "$CORPUS/toolchain.sh" "$CORPUS/lua/build.sh" | sha256sum | cut -c1-16)
mkdir -p "$out"
# Others may ask for the same at the same time.
exec 9> "$out/lock"
flock 9
if [ ! -e "$out/lua.riscv_musl" ] || [ ! -e "$out/lua.native_clang_musl" ]; then
    source=$("$CORPUS/debian/fetch.sh" --source lua5.4)
    files=()
    for file in "$source"/src/*.c; do
        [ "$(basename "$file")" = luac.c ] || files+=("$file")
    done
    # Debian's build makes this header for the library's search path.
    mkdir -p "$out/include"
    echo '#define DEB_HOST_MULTIARCH "none"' > "$out/include/lua5.4-deb-multiarch.h"
    for pair in riscv64:riscv_musl amd64:native_clang_musl; do
        musl_build "${pair%:*}" "$out/new" -std=gnu99 -O2 -w -DLUA_USE_POSIX -I "$out/include" "${files[@]}" >&2
        mv "$out/new" "$out/lua.${pair#*:}"
    done
fi
printf '{ "riscv_musl": "%s", "native_clang_musl": "%s", "script": "%s", "expected": "%s" }\n' \
    "$out/lua.riscv_musl" "$out/lua.native_clang_musl" "$CORPUS/lua/bench.lua" "$CORPUS/lua/bench.out"
