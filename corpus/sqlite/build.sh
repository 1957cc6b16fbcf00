#!/bin/bash
# Builds the SQLite shell of Debian 13's source package as a static-pie for riscv64 and for this machine, with the same
# compiler, flags and musl, and prints where they are as JSON. The amalgamation is made first: needs tclsh and make.
set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
need_clang
need tclsh tcl
need make make
need gcc gcc

out=$CACHE/sqlite-$(cat "$CORPUS/toolchain.sh" "$CORPUS/sqlite/build.sh" | sha256sum | cut -c1-16)
mkdir -p "$out"
# Others may ask for the same at the same time.
exec 9> "$out/lock"
flock 9
if [ ! -e "$out/sqlite3.riscv_musl" ] || [ ! -e "$out/sqlite3.native_clang_musl" ]; then
    source=$("$CORPUS/debian/fetch.sh" --source sqlite3)
    mkdir -p "$out/build"
    (cd "$out/build" && sh "$source/configure" --disable-tcl --disable-readline && make sqlite3.c shell.c) > "$out/build.log" 2>&1 ||
        { tail "$out/build.log" >&2; exit 1; }
    for pair in riscv64:riscv_musl amd64:native_clang_musl; do
        musl_build "${pair%:*}" "$out/new" -O2 -w -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION \
            -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -I "$out/build" "$out/build/sqlite3.c" "$out/build/shell.c" >&2
        mv "$out/new" "$out/sqlite3.${pair#*:}"
    done
    rm -rf "$out/build"
fi
printf '{ "riscv_musl": "%s", "native_clang_musl": "%s", "script": "%s", "expected": "%s" }\n' \
    "$out/sqlite3.riscv_musl" "$out/sqlite3.native_clang_musl" "$CORPUS/sqlite/bench.sql" "$CORPUS/sqlite/bench.out"
