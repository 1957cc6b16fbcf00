#!/usr/bin/python3
"""Modules of the standard library that compute: json, re, hashlib, sqlite3, compression, numbers, text and time."""
import bz2, collections, csv, datetime, decimal, fractions, gzip, hashlib, heapq, hmac, io, itertools, json, lzma, math, pickle, random, re, sqlite3, statistics, struct, tarfile, zipfile, zlib

text = open('/data/small.txt', encoding='ascii').read()
data = text.encode()
words = text.split()


def digest(value):
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()[:16]


print('json', digest(json.dumps({'words': words[:5000], 'numbers': [i / 7 for i in range(1000)], 'nested': [[[None, True, {'é': '\u2028'}]]]}, sort_keys=True, indent=1)))
again = json.loads(json.dumps(collections.Counter(words).most_common(500)))
print('json', again[:3], json.loads('[1e400, -0.0, 123456789012345678901234567890]'))
try:
    json.loads('{"a": [1, 2,, 3]}')
except json.JSONDecodeError as error:
    print('json', error)

print('re', len(re.findall(r'\b(\w)\w*\1\b', text)), digest(re.sub(r'(\w+) (\w+)', r'\2 \1', text)), re.split(r'[,;]\s*', 'a, b;c,  d'))
print('re', re.match(r'(?P<year>\d{4})-(?P<month>\d\d)(?=-)', '2024-11-30').groupdict(), re.compile(r'(?i)^x.*?y$', re.M | re.S).findall('Xaby\nxy'))

for name in ('md5', 'sha1', 'sha512', 'sha3_256', 'blake2b', 'blake2s'):
    print(name, hashlib.new(name, data).hexdigest()[:32])
print('shake', hashlib.shake_128(data).hexdigest(8), hmac.new(b'key', data, 'sha256').hexdigest()[:16], hashlib.pbkdf2_hmac('sha256', b'word', b'salt', 5000).hex()[:16], hashlib.scrypt(b'word', salt=b'salt', n=1024, r=8, p=1).hex()[:16])

for codec in (zlib, bz2, lzma):
    packed = codec.compress(data)
    print(codec.__name__, len(packed), codec.decompress(packed) == data)
with tarfile.open('/tmp/a.tar.xz', 'w:xz') as archive:
    archive.add('/data/small.txt', 'small.txt')
with tarfile.open('/tmp/a.tar.xz') as archive:
    print('tarfile', archive.getnames(), archive.extractfile('small.txt').read() == data)
with zipfile.ZipFile('/tmp/a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('one', data)
    archive.writestr('two/three', b'3')
with zipfile.ZipFile('/tmp/a.zip') as archive:
    print('zipfile', archive.testzip(), [(i.filename, i.file_size, i.CRC) for i in archive.infolist()])
print('gzip', gzip.decompress(gzip.compress(data)) == data)

base = sqlite3.connect('/tmp/a.db')
base.execute('PRAGMA journal_mode = WAL')
base.execute('CREATE TABLE word(w TEXT PRIMARY KEY, n INTEGER)')
with base:
    base.executemany('INSERT INTO word VALUES(?, 1) ON CONFLICT(w) DO UPDATE SET n = n + 1', ((w,) for w in words))
base.create_function('backwards', 1, lambda s: s[::-1], deterministic=True)
print('sqlite3', base.execute('SELECT w, n, backwards(w) FROM word ORDER BY n DESC, w LIMIT 3').fetchall(), base.execute('SELECT count(*), sum(n) FROM word').fetchone())
try:
    with base:
        base.execute('DELETE FROM word')
        raise KeyError('undo')
except KeyError:
    print('sqlite3', base.execute('SELECT count(*) FROM word').fetchone(), base.execute('PRAGMA integrity_check').fetchone())

decimal.getcontext().prec = 60
print('decimal', decimal.Decimal(2).sqrt(), (decimal.Decimal(1) / 7).quantize(decimal.Decimal('1e-20')), decimal.Decimal('1e-6143') / 10**50)
print('fractions', sum((fractions.Fraction(1, n) for n in range(1, 60)), fractions.Fraction()))
print('math', math.sqrt(0.7).hex(), math.factorial(60), math.comb(80, 40), math.isqrt(10**41), pow(3, 10**6, 10**9 + 7), math.fsum([0.1] * 10))
rng = random.Random(42)
print('random', rng.random(), rng.getrandbits(70), rng.sample(range(1000), 5), rng.gauss(0, 1) < 10, digest([rng.randrange(10**12) for _ in range(2000)]))
print('statistics', statistics.fmean(range(1000)), statistics.median([5, 3, 9]), statistics.quantiles(range(100), n=4))
print('struct', struct.pack('<hqdf3s', -2, 1 << 40, 1.5, -0.1, b'abc').hex(), struct.unpack('>Id', struct.pack('>Id', 7, 1e300)))
print('pickle', digest(pickle.dumps({'a': words[:1000], 'b': (1, 2.5, None, {3})}, protocol=5)), pickle.loads(pickle.dumps(datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc))))
print('datetime', datetime.date(2024, 2, 29) + datetime.timedelta(days=366), datetime.datetime.fromtimestamp(10**9, datetime.timezone.utc).isoformat(), datetime.datetime.strptime('30 Nov 2024', '%d %b %Y').strftime('%j %A'))
out = io.StringIO()
csv.writer(out).writerows([['a', 'b,c', 'd"e'], [1, 2.5, None]])
print('csv', repr(out.getvalue()), len(list(csv.reader(open('/data/table.csv')))))
print('heapq', heapq.nlargest(3, map(len, words)), list(itertools.islice(heapq.merge([1, 4, 9], [2, 3, 10]), 5)), digest(sorted(words, key=lambda w: (len(w), w))))
print('int', hex(3**20000 % 2**64), len(str(7**5000)), int('f' * 500, 16).bit_count(), (10**300 // 7**90) % 10**20)
