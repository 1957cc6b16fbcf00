#!/usr/bin/bash
# Bash with subshells, pipes, coprocesses, jobs, traps and named pipes, over 20 MB of text.
set -u
shopt -s lastpipe 2> /dev/null
text=/data/text.txt
mkdir /tmp/work && cd /tmp/work || exit

echo '== process substitution'
diff <(head -n 2000 $text | sort -u) <(head -n 2000 $text | tac | sort -u) && echo same
tee >(gzip -nc | sha256sum > gzip.sum) >(wc -c > count) < $text | sha256sum
wait
sleep 0.2
while [ ! -s gzip.sum ] || [ ! -s count ]; do sleep 0.1; done
cat gzip.sum count

echo '== status'
false | true | (exit 7) | cat > /dev/null
echo "${PIPESTATUS[@]}"
yes | head -n 1 > /dev/null
echo "${PIPESTATUS[@]}"
set -o pipefail
sort $text | head -n 1 | grep -q nothing || echo "pipefail: $?"
set +o pipefail
(kill -TERM $BASHPID); echo "killed: $?"
bash -c 'kill -SEGV $$' 2> /dev/null; echo "crashed: $?"
nothing-of-this-name 2> /dev/null; echo "not there: $?"
/etc/passwd 2> /dev/null; echo "not executable: $?"

echo '== jobs'
declare -A names
for i in 1 2 3 4 5; do
    (sleep 0.0$i; exit $((i * 11))) &
    names[$!]=$i
done
total=0
for pid in "${!names[@]}"; do
    wait "$pid"; status=$?
    [ $status = $((names[$pid] * 11)) ] || echo "job ${names[$pid]}: $status"
    total=$((total + status))
done
echo "all jobs: $total"
(sleep 0.05; exit 9) & (sleep 60) &
wait -n; echo "first to end: $?"
kill %%; wait %% 2> /dev/null; echo "the other: $?"
jobs
set -m
while_jobs_say() { while jobs | grep -q "$1"; do sleep 0.05; done; }
sleep 60 & kill -STOP $!; while_jobs_say Running; jobs | sed 's/  */ /g'; kill -KILL $!; while_jobs_say Stopped; jobs | sed 's/  */ /g'
set +m

echo '== traps'
trap 'echo "USR1 in $BASH_SUBSHELL"' USR1
trap 'echo "exit of $BASH_SUBSHELL"' EXIT
kill -USR1 $$
(trap 'echo inner; exit 3' TERM; kill -TERM $BASHPID; echo not reached); echo "trapped: $?"
send() { sleep 0.1; kill -USR1 $$; }
send & sleep 1; wait
trap - USR1
timeout 0.2 sleep 60; echo "timeout: $?"
timeout -s KILL 0.2 sleep 60; echo "timeout by KILL: $?"

echo '== coprocess and named pipe'
coproc { while read -r line; do echo "<${line^^}>"; done; }
for word in guest host; do
    echo $word >&"${COPROC[1]}"
    read -r answer <&"${COPROC[0]}"
    echo "$answer"
done
eval "exec ${COPROC[1]}>&-"
wait "$COPROC_PID"; echo "coprocess: $?"
mkfifo fifo
gzip -nc < $text > fifo &
gzip -dc < fifo | cmp - $text && echo 'through a named pipe'
wait
exec 7<> fifo
echo line >&7 && read -r got <&7 && echo "$got"
read -r -t 0.1 got <&7; echo "nothing more: $?"
exec 7>&-

echo '== the language'
mapfile -t lines < <(head -n 1000 $text)
echo "${#lines[@]} ${#lines[999]}"
i=0 sum=0
while read -r number rest; do ((sum += number + ${#rest}, ++i)); done < <(head -n 5000 $text)
echo "$i $sum"
fibonacci() { local n=$1; ((n < 2)) && { echo "$n"; return; }; echo $(($(fibonacci $((n - 1))) + $(fibonacci $((n - 2))))); }
fibonacci 9
printf '%s\n' {a..c}{1..3} | paste -sd ' '
[[ 'tag 0x1f at 12' =~ 0x([0-9a-f]+)\ at\ ([0-9]+) ]] && echo $((16#${BASH_REMATCH[1]} + BASH_REMATCH[2]))
cat <<< "${text/data/x} ${text##*/} ${text^^}"
cat << END | tr a-z A-Z
$(for d in /usr/share/base-passwd/*; do basename "$d"; done)
END
ulimit -n 50; bash -c 'exec 60> x' 2> /dev/null || echo 'limit of files holds'
umask 027; > private; stat -c %a private
exec {fd}< /data/small.txt; read -r -u "$fd" first; echo "$first"; exec {fd}<&-
printf '%(%F %T)T\n' 86399
echo "$((0xffff ** 3 % 1000003)) $((-7 / 2)) $((1 << 62))"
