#!/bin/bash
# Generates the data of the busybox cases, the same bytes on every machine and with every awk:
#
#   corpus/workloads/generate.sh DIR [BUSYBOX]
#
# text.txt (20 MB of lines of words), other.txt (the same with some lines changed), small.txt (its first 200 kB),
# numbers.txt, table.csv, expressions for bc and dc, and tree/, a small directory tree with fixed times. BUSYBOX (of
# this machine's architecture) also makes the compressed and packed inputs, which is why those are not to be
# compared between machines. Nothing is done when DIR is complete.
set -euo pipefail
export LC_ALL=C TZ=UTC
[ $# -ge 1 ] || { echo 'usage: generate.sh DIR [BUSYBOX]' >&2; exit 64; }
directory=$1 busybox=${2:-busybox}
mkdir -p "$directory/etc"
# Others may ask for the same folder at the same time.
exec 9> "$directory.lock"
flock 9
# A guest that has the folder as its root finds the same names of users there as the programs of this machine.
cp /etc/passwd /etc/group "$directory/etc/"
[ -e "$directory/complete" ] && exit
cd "$directory"

# Every product of the Lehmer generator is below 2^53, so it is exact in every awk.
awk 'function random(n) { seed = seed * 48271 % 2147483647; return seed % n }
     BEGIN {
         seed = 20241123
         count = split("the of capability pointer guest host slot bounds memory tag seal sentry register return call \
                        jump load store page fault signal thread block translate lift emit pass check proof region \
                        table branch loop stack frame heap arena shadow granule kernel system file stream", common)
         letters = "etaoinshrdlcumwfgypbvkjxqz"
         for (i = 1; i <= 20000; i++) {
             word = ""
             for (length_left = 3 + random(8); length_left > 0; length_left--)
                 word = word substr(letters, 1 + int(random(26) * random(26) / 26), 1)
             rare[i] = word
         }
         while (bytes < 20000000) {
             line = ++number
             for (words = 4 + random(12); words > 0; words--)
                 line = line " " (random(10) < 6 ? common[1 + random(count)] : rare[1 + random(20000)])
             if (random(40) == 0)
                 line = line "\t" random(1000000) "." random(100)
             print line
             bytes += length(line) + 1
         }
     }' > text.txt
head -c 200000 text.txt > small.txt
awk 'NR % 5003 == 7 { print "inserted", NR } NR % 4001 != 9 { if (NR % 3001 == 1) $2 = "CHANGED"; print }' text.txt > other.txt
awk 'NR % 97 == 7 { print "inserted", NR } NR % 101 != 9' small.txt > small-other.txt
awk 'BEGIN { seed = 7; for (i = 0; i < 200000; i++) { seed = seed * 48271 % 2147483647; print seed % 1000000 - 500000 } }' > numbers.txt
awk 'BEGIN { seed = 9; for (i = 0; i < 40000; i++) { seed = seed * 48271 % 2147483647
         printf "%d,user%d,%d.%02d,%s\n", i, seed % 977, seed % 5000, seed % 100, seed % 3 ? "active" : "closed" } }' > table.csv
printf 'scale=60\n4*a(1)\ne(1)\nsqrt(2)\ndefine f(n) { if (n < 2) return (n); return (f(n-1) + f(n-2)); }\nf(17)\n2^2048\n' > program.bc
printf '40k 2v p 3 5 ^ p 1 2 3 f [la1+dsa900>b]sb 0sa lbx la p 16o 65535 p\n' > program.dc
printf 'a b\nb c\na d\nd c\nc e\n' > graph.txt
printf '1,3p\n/fault/p\n2d\n1,2p\ns/the/THE/g\n$=\nq\n' > script.ed

mkdir -p tree/{alpha,beta,gamma}/{one,two,three}
for folder in tree/*/*; do
    for i in 1 2 3 4 5; do
        seq $((i * 37)) | awk -v name="$folder" '{ print name, $1, $1 * $1 }' > "$folder/file$i.txt"
    done
done
ln -sf ../alpha/one/file1.txt tree/gamma/link
find tree -type f -exec touch -d '2024-01-02 03:04:05' {} +
find tree -depth -type d -exec touch -d '2024-01-02 03:04:05' {} +
touch -h -d '2024-01-02 03:04:05' tree/gamma/link

"$busybox" sort small.txt > small-sorted.txt
"$busybox" sort small-other.txt > small-other-sorted.txt
"$busybox" gzip -c text.txt > text.gz
"$busybox" bzip2 -c small.txt > small.bz2
head -c 4000000 text.txt | "$busybox" bzip2 -c > text.bz2
"$busybox" tar cf tree.tar tree
"$busybox" uuencode small.txt < small.txt > small.uu
"$busybox" base64 small.txt > small.b64
if command -v xz > /dev/null; then xz -3 -c text.txt > text.xz; fi
touch complete
