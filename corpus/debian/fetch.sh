#!/bin/bash
# Unpacks packages of Debian 13 for any architecture into a tree, without root and without touching the machine's own
# apt: a private configuration, downloads checked by the archive's signature, then dpkg -x. No maintainer script runs.
#
#   corpus/debian/fetch.sh      busybox-static for riscv64 and for amd64 (the comparison), unless they are there
#   corpus/debian/fetch.sh --apps ARCH  shells, utilities, SQLite, Lua, Python, Redis, nginx and all that they need: debian-apps-ARCH in the cache
#   corpus/debian/fetch.sh [--into DIR] ARCH PACKAGE...           packages alone, without what they depend on
#   corpus/debian/fetch.sh [--into DIR] --depends ARCH PACKAGE... with all that they depend on
#   corpus/debian/fetch.sh [--into DIR] --source PACKAGE          a source package, unpacked with its patches
#
# The default DIR is debian-ARCH (or source) in the cache. The mirror is the one in the machine's own apt sources, or
# DEBIAN_MIRROR; the suite is trixie, or DEBIAN_SUITE. The path of the tree is printed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
need apt-get apt
need dpkg-deb dpkg

suite=${DEBIAN_SUITE:-trixie}
into='' depends=no source=no
while [[ ${1:-} == --* ]]; do
    case $1 in
        --into) into=$2; shift 2 ;;
        --depends) depends=yes; shift ;;
        --source) source=yes; shift ;;
        --apps) break ;;
        *) echo "fetch.sh: unknown option $1" >&2; exit 64 ;;
    esac
done

# The first mirror whose suite is this machine's Debian release itself, not its security archive or a third party's.
mirror() {
    if [ -n "${DEBIAN_MIRROR:-}" ]; then
        echo "$DEBIAN_MIRROR"
        return
    fi
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(CREATED_BY)' 2> /dev/null |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# A private apt for one architecture; its lists are kept for a day.
private_apt() { # architecture
    local uri home=$CACHE/apt-$suite-$1
    uri=$(mirror)
    [ -n "$uri" ] || { echo 'fetch.sh: no Debian mirror in the apt sources; set DEBIAN_MIRROR' >&2; exit 69; }
    mkdir -p "$home"/{lists/partial,archives/partial,etc/preferences.d,etc/sources.list.d}
    : > "$home/status"
    printf 'deb [signed-by=%s] %s %s main\ndeb-src [signed-by=%s] %s %s main\n' \
        "$keyring" "$uri" "$suite" "$keyring" "$uri" "$suite" > "$home/sources.list"
    cat > "$home/apt.conf" <<CONF
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::State "$home";
Dir::State::lists "$home/lists";
Dir::State::status "$home/status";
Dir::Cache "$home";
Dir::Cache::archives "$home/archives";
Dir::Etc "$home/etc";
Dir::Etc::sourcelist "$home/sources.list";
Dir::Etc::parts "$home/etc";
APT::Sandbox::User "$(id -un)";
CONF
    APT_CONFIG=$home/apt.conf
    export APT_CONFIG
    if [ -z "$(find "$home/lists" -maxdepth 1 -name '*Packages*' -mtime -1 2> /dev/null)" ]; then
        apt-get -qq update >&2
    fi
    archives=$home/archives
}

fetch() { # architecture tree package...
    local tree=$2 files
    private_apt "$1"
    shift 2
    mkdir -p "$tree"
    files=$(mktemp -d "$archives/fetch.XXXXXX")
    if [ $depends = yes ]; then
        apt-get -qq -y -o Debug::NoLocking=1 -o Dir::Cache::archives="$files" --download-only install "$@" >&2
    else
        (cd "$files" && apt-get -qq download "$@" >&2)
    fi
    for file in "$files"/*.deb; do dpkg-deb -x "$file" "$tree"; done
    rm -rf "$files"
    unset APT_CONFIG
    echo "$tree"
}

# Programs of several kinds, and what their packages' scripts would have made: users, host names, folders of the servers.
apps() { # architecture
    local tree=$CACHE/debian-apps-$1
    local packages=(base-passwd bash busybox-static bzip2 coreutils dash diffutils findutils gawk grep gzip libc-bin libpython3.13-testsuite lua5.4 mawk
        nginx-light openssl procps python3 redis-server redis-tools sed sqlite3 tar xz-utils zstd)
    if [ "$(cat "$tree/complete" 2> /dev/null)" != "${packages[*]}" ]; then
        depends=yes
        fetch "$1" "$tree" "${packages[@]}" > /dev/null
        for file in passwd group; do cp "$tree/usr/share/base-passwd/$file.master" "$tree/etc/$file"; done
        printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' > "$tree/etc/hosts"
        mkdir -p "$tree"/{tmp,data,var/log/nginx,var/lib/nginx}
        echo "${packages[*]}" > "$tree/complete"
    fi
    echo "$tree"
}

if [ "${1:-}" = --apps ]; then
    [ $# -eq 2 ] || { echo 'usage: fetch.sh --apps ARCH' >&2; exit 64; }
    apps "$2"
    exit
fi

if [ $source = yes ]; then
    [ $# -eq 1 ] || { echo 'usage: fetch.sh --source PACKAGE' >&2; exit 64; }
    need dpkg-source dpkg-dev
    private_apt amd64
    into=${into:-$CACHE/source}
    mkdir -p "$into"
    (cd "$into" && apt-get -qq --only-source source "$1" >&2)
    find "$into" -maxdepth 1 -mindepth 1 -type d -name "$1-*" | sort | tail -1
elif [ $# -eq 0 ]; then
    for architecture in riscv64 amd64; do
        tree=$CACHE/debian-$architecture
        if [ -x "$tree/usr/bin/busybox" ]; then echo "$tree"; else fetch $architecture "$tree" busybox-static; fi
    done
else
    [ $# -ge 2 ] || { echo 'usage: fetch.sh ARCH PACKAGE...' >&2; exit 64; }
    architecture=$1
    shift
    fetch "$architecture" "${into:-$CACHE/debian-$architecture}" "$@"
fi
