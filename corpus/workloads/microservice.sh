#!/bin/bash
# Runs nginx, a gate in Python and Redis as three cVMs of one manifest, and loads them from the host: files, counters through all three, a graceful
# reload of nginx under load, and an orderly end. What it prints is compared with microservice.out:
#
#   corpus/workloads/microservice.sh tools/cheri2il
#   REQUESTS=5000 corpus/workloads/microservice.sh ...     requests of each of the four clients, 200 if not said; then rates are printed, too
#
# The words given start the tool. It needs curl.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/service.sh"
need curl curl
requests=${REQUESTS:-200} clients=4
mkdir -p "$tree/data/microservice"
cp -r "$CORPUS/workloads/microservice/." "$tree/data/microservice/"
head -c 1048576 "$tree/data/text.txt" > "$tree/data/microservice/www/large.txt"
manifest "$CORPUS/workloads/microservice/cvms.yaml" > "$folder/cvms.yaml"

get() { curl --silent --show-error --fail --max-time 60 "$@"; }
url=http://127.0.0.1:$port

start "$folder/cvms.yaml" get "$url/api/value/start"

rate() { # name begin count
    [ -z "${REQUESTS:-}" ] || awk -v name="$1" -v begin="$2" -v end="$EPOCHREALTIME" -v count="$3" 'BEGIN { printf "%s: %.0f requests/s\n", name, count / (end - begin) }' >&2
}

load() { # path: each client asks for it again and again over one connection
    local k
    for ((k = 0; k < clients; k++)); do get "$url$1?[1-$requests]" & done
    local pid status=0
    for pid in $(jobs -p | grep -vx "$up"); do wait "$pid" || status=$?; done
    return $status
}

echo "== a file"
get "$url/index.txt"
get "$url/large.txt" | cmp - "$tree/data/microservice/www/large.txt" && echo same
get --output /dev/null --write-out '%{http_code}\n' "$url/none" 2> /dev/null
begin=$EPOCHREALTIME
load /index.txt | sort | uniq -c | awk -v n=$((requests * clients)) '{ print ($1 == n ? "all" : $1 " of " n), "alike" }'
rate 'a file of 58 bytes' "$begin" $((requests * clients))

echo "== a counter"
begin=$EPOCHREALTIME
# Each number once, whoever got it. The gate takes what stands behind the ? as part of the key, so that each number of a client has its own counter.
load /api/count/visits > "$folder/counts"
echo "status $?"
rate 'a counter through all three' "$begin" $((requests * clients))
awk -F'[ }]' '{ sum += $(NF - 1) } END { print NR, "answers, sum", sum }' "$folder/counts" | sed "s/^$((requests * clients)) /all /; s/ sum $((requests * clients * (clients + 1) / 2))\$/ sum as expected/"

echo "== reload under load"
load /api/count/reload > "$folder/counts" 2> "$folder/lost" &
loading=$!
sleep 0.3
"${tool[@]}" kill --pid $up --signal HUP front
echo "kill: status $?"
wait $loading
echo "load: status $?"
awk 'END { print NR }' "$folder/counts" | sed "s/^$((requests * clients))\$/no answer lost/"
# Why, from both sides: curl's status is that of its last request.
[ -s "$folder/lost" ] && { cat "$folder/lost"; grep -e '\[error\]' -e '\[crit\]' -e '\[alert\]' "$folder/err"; }
for ((k = 0; k < 3000; k++)); do
    [ "$(grep -c 'gracefully shutting down' "$folder/err")" -ge 2 ] && break
    sleep 0.1
done
echo "$(grep -c 'gracefully shutting down' "$folder/err") workers went, $(grep -c 'start worker process [0-9]' "$folder/err") came in all"
get "$url/api/value/none"

echo "== end"
"${tool[@]}" kill --pid $up --signal QUIT front
"${tool[@]}" kill --pid $up --signal TERM gate
"${tool[@]}" kill --pid $up --signal TERM redis
status
grep -E '^(redis|gate|front) ' "$folder/err" | grep -v ' | ' | awk '{ print $1, $2, $3 }'
