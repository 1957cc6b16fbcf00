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

# Debian 13's musl and libgcc for one architecture, unpacked into the cache: sets MUSL to the root of the tree.
need_musl() { # riscv64|amd64
    local triple
    case $1 in
        riscv64) triple=riscv64 ;;
        amd64) triple=x86_64 ;;
    esac
    MUSL=$CACHE/musl-$1
    # The last file to be unpacked marks a complete tree.
    [ -e "$MUSL/complete" ] && return
    "$CORPUS/debian/fetch.sh" --into "$MUSL" "$1" musl-dev linux-libc-dev libgcc-14-dev > /dev/null
    [ -e "$MUSL/usr/lib/$triple-linux-musl/rcrt1.o" ] && touch "$MUSL/complete"
}

# Compiles sources to one static-pie with clang and Debian 13's musl. The guest and the native peer are built by the
# same function, so that only the instruction set differs.
musl_build() { # riscv64|amd64 output compiler-argument...
    local triple machine=()
    case $1 in
        riscv64) triple=riscv64 machine=(-march=rv64gc -mabi=lp64d) ;;
        amd64) triple=x86_64 ;;
    esac
    local output=$2 include library gcc
    need_musl "$1"
    shift 2
    include=$MUSL/usr/include
    library=$MUSL/usr/lib/$triple-linux-musl
    gcc=$MUSL/usr/lib/gcc/$triple-linux-gnu/14
    "$CLANG" --target=$triple-linux-musl "${machine[@]}" -nostdlibinc -isystem "$include/$triple-linux-musl" \
        -isystem "$include/$triple-linux-gnu" -isystem "$include" \
        -fPIE -nostdlib -static-pie -fuse-ld=lld -Wl,-z,relro -Wl,-z,noexecstack -Wl,--build-id=none \
        "$library/rcrt1.o" "$library/crti.o" "$@" \
        -Wl,--start-group "$library/libc.a" "$gcc/libgcc.a" "$gcc/libgcc_eh.a" -Wl,--end-group \
        "$library/crtn.o" -o "$output"
}
