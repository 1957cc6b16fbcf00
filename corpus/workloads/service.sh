# Sourced by scripts that run servers in the cVMs of a manifest; the script's arguments start the tool.
# shellcheck shell=bash
#
# Sets tool, tree (Debian's programs for riscv64), folder (deleted at the end) and port, a free one of the host.
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain.sh"
[ $# -ge 1 ] || { echo "usage: $(basename "$0") TOOL..." >&2; exit 64; }
tool=("$@")
tree=$("$CORPUS/workloads/debian.sh" --prepare) || exit
folder=$(mktemp -d)
up=
trap '[ -n "$up" ] && kill -KILL "$up" 2> /dev/null; rm -rf "$folder"' EXIT
until port=$((20000 + RANDOM % 10000)); ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do :; done

# A manifest with the words ROOT, FOLDER and PORT replaced.
manifest() { # file
    sed "s#ROOT#$tree#; s#FOLDER#$folder#; s#PORT#$port#" "$1"
}

# Starts a manifest and waits, ten minutes at most, until a command succeeds. The first start translates.
start() { # manifest command...
    "${tool[@]}" up "$1" > "$folder/out" 2> "$folder/err" &
    up=$!
    shift
    local k
    for ((k = 0; k < 1200; k++)); do
        "$@" > /dev/null 2>&1 && return
        kill -0 $up 2> /dev/null || break
        sleep 0.5
    done
    echo "$(basename "$0"): the service does not answer" >&2
    cat "$folder/out" "$folder/err" >&2
    exit 1
}

# The status of what start has started.
status() {
    wait "$up"
    echo "status $?"
    up=
}
