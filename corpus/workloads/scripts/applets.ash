#!/usr/bin/busybox sh
# Applets of one static busybox under its own shell, which starts them itself: what is long is printed as its hash.
set -eu
text=/data/text.txt
mkdir /tmp/applets
cd /tmp/applets

hash() { # label
    printf '%s: ' "$1"
    sha256sum | cut -d ' ' -f 1
}

echo '== sums'
for sum in md5sum sha1sum sha256sum sha512sum sha3sum crc32; do echo "$sum $($sum $text)"; done
sha256sum $text /data/small.txt > sums && sha256sum -c sums

echo '== sort, grep, sed, awk'
sort $text | hash sort
sort -t , -k 2,2 -k 1,1n /data/table.csv | hash 'sort by fields'
grep -c capability $text
grep -E -o '(load|store) [a-z]{4,6} (page|fault)' $text | sort | uniq -c | sort -k 1,1rn -k 2 | head -n 3
sed -e 's/\(guest\) \([a-z]*\)/\2 \1/g' -e '/fault/d' $text | hash sed
awk '{ for (i = 2; i <= NF; i++) c[$i]++ } END { for (w in c) print c[w], w }' $text | sort -rn -k 1,1 -k 2 | head -n 5
awk -F , '{ s[$4] += $3; n[$4]++ } END { for (k in s) printf "%s %.2f %d\n", k, s[k], n[k] }' /data/table.csv | sort

echo '== compressors'
gzip -c $text > text.gz
gunzip -c text.gz | cmp - $text && echo 'gzip is right'
head -c 4000000 $text | bzip2 -c | tee text.bz2 | hash bzip2
bunzip2 -c text.bz2 | tail -c 1000 | hash bunzip2
head -c 4000000 $text | /usr/bin/xz -T1 -1 -c > text.xz
xz -d -c text.xz | hash 'xz -d'
tail -c 20 text.gz | zcat 2> /dev/null || echo "gunzip of a cut file: $?"

echo '== tar, find, diff'
for name in one two three; do
    mkdir -p tree/$name
    i=0
    while [ $i -lt 40 ]; do
        dd if=$text of=tree/$name/part$i bs=1k count=30 skip=$((i * 7)) 2> /dev/null
        i=$((i + 1))
    done
done
ln -s ../one/part0 tree/two/link
find tree -exec touch -h -d '2024-01-02 03:04:05' {} +
tar cf tree.tar tree && tar tf tree.tar | sort | hash tar
mkdir out && gzip -c tree.tar | tar xzf - -C out && diff -r tree out/tree && echo 'unpacked trees are the same'
echo changed >> out/tree/one/part3
diff -r -q tree out/tree || echo "diff: $?"
diff -U 1 tree/one/part3 out/tree/one/part3 | tail -n 2
find out -type f -size +20k -name 'part1*' | sort | hash find
find out -type f -print0 | xargs -0 -n 10 sha1sum | cut -c 1-40 | sort | hash xargs
find out -type l -exec readlink {} \;
cpio -o -H newc < /dev/null 2> /dev/null | wc -c

echo '== the rest'
wc $text /data/small.txt | tr -s ' '
od -A n -t x2 -N 100000 text.bz2 | hash od
hexdump -C -n 100000 text.bz2 | hash hexdump
cut -d , -f 2,4 /data/table.csv | uniq | wc -l
tr a-z A-Z < $text | rev | head -n 3
nl -b a $text | fold -w 60 | tail -n 2
seq 1 100000 | tac | md5sum
base64 /data/small.txt | base64 -d | cmp - /data/small.txt && echo 'base64 is right'
echo '2^300; scale = 30; 4*a(1)' | bc -l
echo '16 o 3 200 ^ p' | dc
vi_free=$(expr 7 '*' 6); printf '%05d %x %s\n' "$vi_free" 255 end
i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $i
i=0; while [ $i -lt 100 ]; do /usr/bin/busybox true; i=$((i + 1)); done; echo "$i processes"
yes | head -n 100000 | wc -l
sleep 0.01 & wait $! && echo slept
