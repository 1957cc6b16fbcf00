# Sourced by the corpus scripts: finds the compilers, says what to install, and fetches Debian's riscv64 musl once.
# shellcheck shell=bash
#
# Sets CORPUS (this folder) and CACHE (where everything that is not committed goes).

CORPUS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/cheri2il
CLANG=${CLANG:-clang-19}
OBJCOPY=${OBJCOPY:-llvm-objcopy-19}

need() { # command package
    command -v "$1" > /dev/null || {
        echo "corpus: $1 is not installed; on Debian: apt-get install $2" >&2
        exit 69
    }
}

need_clang() {
    need "$CLANG" clang-19
    need ld.lld-19 lld-19
    need "$OBJCOPY" llvm-19
}

# Debian 13's musl for riscv64, unpacked into the cache: prints nothing, sets MUSL_RISCV to the root of the tree.
need_musl_riscv() {
    MUSL_RISCV=$CACHE/musl-riscv64
    [ -e "$MUSL_RISCV/usr/lib/riscv64-linux-musl/rcrt1.o" ] && return
    "$CORPUS/debian/fetch.sh" --into "$MUSL_RISCV" riscv64 musl-dev linux-libc-dev
}
