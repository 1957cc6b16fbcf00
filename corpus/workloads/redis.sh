#!/bin/bash
# Runs Redis in a cVM that keeps its files: loads it from another cVM and, through a published port, from the host (with the amd64 package's redis-cli and
# redis-benchmark), saves and rewrites under load, ends and kills it, and looks for the data afterwards. What it prints is compared with redis.out:
#
#   corpus/workloads/redis.sh tools/cheri2il
#   REQUESTS=100000 corpus/workloads/redis.sh ...     requests of each benchmark, 5000 if not said
#
# The words given start the tool.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/service.sh"
requests=${REQUESTS:-5000}
native=$("$CORPUS/debian/fetch.sh" --apps amd64) || exit
mkdir -p "$tree/var/lib/redis" "$folder/upper"
manifest "$CORPUS/workloads/redis/cvms.yaml" | sed "s#REQUESTS#$requests#" > "$folder/cvms.yaml"
sed '/name: load/,$d' "$folder/cvms.yaml" > "$folder/alone.yaml"

# Programs of the amd64 packages, by their own dynamic linker: no chroot, which only root may do.
native() { # program argument...
    local program=$1
    shift
    "$native/lib64/ld-linux-x86-64.so.2" --library-path "$native/usr/lib/x86_64-linux-gnu:$native/lib/x86_64-linux-gnu" "$native/usr/bin/$program" -p "$port" "$@"
}
cli() { native redis-cli "$@"; }

answers() { [ "$(cli ping)" = PONG ]; }

field() { cli info persistence | tr -d '\r' | sed -n "s/^$1://p"; }
settle() { # until neither child is at work
    for ((k = 0; k < 3000; k++)); do
        [ "$(field rdb_bgsave_in_progress)$(field aof_rewrite_in_progress)$(field aof_rewrite_scheduled)" = 000 ] && return
        sleep 0.1
    done
    echo 'a child does not end'
}

echo "== load from a cVM and from the host"
start "$folder/cvms.yaml" answers
cli eval 'for i = 1, 20000 do redis.call("set", "key:" .. i, "value " .. i) end return redis.call("dbsize")' 0 | sed 's/2000[0-9]/20000 and what else there is/'
native redis-benchmark -n "$requests" -t set,lpush,sadd -P 4 --csv > "$folder/benchmark" &
benchmark=$!
cli bgsave
settle
cli bgrewriteaof
settle
wait $benchmark
echo "benchmark: status $?, $(grep -c '^"' "$folder/benchmark") lines"
for name in rdb_last_bgsave_status aof_last_bgrewrite_status aof_last_write_status; do echo "$name $(field $name)"; done
for ((k = 0; k < 3000; k++)); do grep -q '^load .*RPUSH' "$folder/out" && break; sleep 0.1; done
grep '^load ' "$folder/out" | sed 's/^load *| //'
cli incr runs

echo "== end and start"
size=$(cli dbsize)
cli shutdown
status
start "$folder/alone.yaml" answers
[ "$(cli dbsize)" = "$size" ] && echo "as many keys"
cli get key:777
cli incr runs

echo "== killed"
# appendfsync always: what was answered is on the disk.
for k in 1 2 3; do cli rpush last "entry $k"; done
kill -KILL $up
wait $up 2> /dev/null
start "$folder/alone.yaml" answers
cli lrange last 0 -1
cli incr runs
[ "$(cli dbsize)" = "$((size + 1))" ] && echo "as many keys and one"
cli shutdown nosave
status
