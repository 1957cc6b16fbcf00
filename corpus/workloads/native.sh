#!/bin/bash
# Runs a program of Debian's amd64 packages the way a guest is run: the tree as its root, nothing of what it writes kept, and processes,
# network and devices its own. The oracle of the cases; needs root.
#
#   corpus/workloads/native.sh TREE PROGRAM ARGUMENT...
set -euo pipefail
[ $# -ge 2 ] || { echo 'usage: native.sh TREE PROGRAM ARGUMENT...' >&2; exit 64; }
[ "$(id -u)" = 0 ] || { echo 'native.sh: needs root, for namespaces and chroot' >&2; exit 69; }

# Everything is mounted inside the namespace, over a folder that is there on every machine, and goes with it.
exec unshare --mount --pid --net --ipc --uts --fork bash -c '
    set -euo pipefail
    tree=$1
    shift
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/{upper,work,root,dev}
    for device in null zero full random urandom tty; do
        touch /mnt/dev/$device
        mount --bind /dev/$device /mnt/dev/$device
    done
    mount -t overlay -o xino=on,lowerdir="$tree",upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
    mkdir -p /mnt/root/{dev,proc,sys}
    mount --rbind /mnt/dev /mnt/root/dev
    mkdir /mnt/dev/{pts,shm}
    mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/root/dev/pts
    mount -t tmpfs tmpfs /mnt/root/dev/shm
    ln -s pts/ptmx /mnt/dev/ptmx
    ln -s /proc/self/fd /mnt/dev/fd
    for i in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${i%%:*} /mnt/dev/${i#*:}; done
    mount -t proc proc /mnt/root/proc
    [ ! -e /sys/class ] || mount --bind /sys /mnt/root/sys
    ip link set lo up 2> /dev/null || true
    hostname localhost
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC chroot /mnt/root "$@"' native "$@"
