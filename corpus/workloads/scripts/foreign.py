#!/usr/bin/python3
"""ctypes: functions of the C library, of libm, zlib and SQLite, structures by value, callbacks, errno, threads; faulthandler."""
import ctypes, ctypes.util, errno, faulthandler, math, os, subprocess, sys, threading, zlib

libc = ctypes.CDLL('libc.so.6', use_errno=True)
libm = ctypes.CDLL('libm.so.6')
libz = ctypes.CDLL('libz.so.1')


class Division(ctypes.Structure):
    _fields_ = [('quotient', ctypes.c_long), ('remainder', ctypes.c_long)]


class Time(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ('sec', 'min', 'hour', 'mday', 'mon', 'year', 'wday', 'yday', 'isdst')] + [('gmtoff', ctypes.c_long), ('zone', ctypes.c_char_p)]


class Complex(ctypes.Structure):
    _fields_ = [('real', ctypes.c_double), ('imaginary', ctypes.c_double)]


class Word(ctypes.Union):
    _fields_ = [('whole', ctypes.c_uint64), ('halves', ctypes.c_uint32 * 2), ('bytes', ctypes.c_uint8 * 8)]


class Packed(ctypes.BigEndianStructure):
    _pack_ = 1
    _fields_ = [('kind', ctypes.c_uint8), ('length', ctypes.c_uint32), ('low', ctypes.c_uint16, 5), ('high', ctypes.c_uint16, 11)]


def calls():
    libc.strtod.restype = ctypes.c_double
    end = ctypes.c_char_p()
    print('strtod', libc.strtod(b'3.25e2 rest', ctypes.byref(end)), end.value)
    # What is named is not variadic: machines differ in where the rest goes.
    libc.snprintf.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    buffer = ctypes.create_string_buffer(100)
    count = libc.snprintf(buffer, 100, b'%d|%5.2f|%s|%llx|%c', 42, ctypes.c_double(math.pi), b'text', ctypes.c_ulonglong(2**63 + 5), ord('z'))
    print('variadic', count, buffer.value)
    libc.ldiv.restype, libc.ldiv.argtypes = Division, [ctypes.c_long, ctypes.c_long]
    result = libc.ldiv(-17, 5)
    print('structure of integers', result.quotient, result.remainder)
    libm.hypot.restype, libm.hypot.argtypes = ctypes.c_double, [ctypes.c_double] * 2
    libm.fmaf.restype, libm.fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    libm.ldexp.restype, libm.ldexp.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_int]
    print('floats', libm.hypot(3, 4), libm.fmaf(1.5, 2.5, 0.25), libm.ldexp(0.75, 10))
    moment = Time()
    libc.gmtime_r(ctypes.byref(ctypes.c_long(10**9)), ctypes.byref(moment))
    print('structure', moment.year + 1900, moment.mon + 1, moment.mday, moment.hour, moment.min, moment.sec, moment.zone)
    data = b'what zlib sums' * 1000
    print('crc32', libz.crc32(0, data, len(data)) & 0xffffffff == zlib.crc32(data))
    word = Word(0x0123456789abcdef)
    print('union', hex(word.halves[0]), list(word.bytes))
    packed = Packed(7, 0x01020304, 3, 0x155)
    print('packed', ctypes.sizeof(Packed), bytes(packed).hex(), Packed.from_buffer_copy(bytes(packed)).high)
    values = (ctypes.c_int * 10)(*range(10))
    ctypes.memmove(ctypes.addressof(values) + 8, values, 12)
    print('memory', list(values), ctypes.string_at(ctypes.addressof(values), 8), ctypes.cast(values, ctypes.POINTER(ctypes.c_short))[4])


def errors():
    for name, call in (('open', lambda: libc.open(b'/nothing/here', 0)), ('close', lambda: libc.close(-1)), ('chdir', lambda: libc.chdir(b'/etc/passwd'))):
        ctypes.set_errno(0)
        print(name, call(), errno.errorcode[ctypes.get_errno()])
    try:
        ctypes.CDLL('libnothing.so.9')
    except OSError as error:
        print(error)
    try:
        libc.nothing_of_this_name
    except AttributeError as error:
        print(str(error).split(': ')[-1])


def callbacks():
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    calls = 0

    @compare_type
    def compare(left, right):
        nonlocal calls
        calls += 1
        return left[0] - right[0]

    values = (ctypes.c_int * 500)(*((k * 7919) % 1009 for k in range(500)))
    libc.qsort(values, 500, ctypes.sizeof(ctypes.c_int), compare)
    print('qsort', list(values) == sorted(values), list(values)[:5], calls > 500)
    key = ctypes.c_int(values[123])
    libc.bsearch.restype = ctypes.POINTER(ctypes.c_int)
    print('bsearch', libc.bsearch(ctypes.byref(key), values, 500, 4, compare)[0] == values[123])

    # Functions of every kind of argument, called by pointer.
    many = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int8, ctypes.c_double, ctypes.c_uint16, ctypes.c_float, ctypes.c_int64, *[ctypes.c_int] * 6, *[ctypes.c_double] * 8)
    kept = many(lambda *arguments: sum(k * a for k, a in enumerate(arguments)))
    print('many arguments', ctypes.cast(kept, many)(-3, 1.5, 65535, 0.25, -2**40, *range(6), *(k / 4 for k in range(8))))
    by_value = ctypes.CFUNCTYPE(ctypes.c_double, Complex, Division)
    print('structures by value', by_value(lambda c, d: c.real * d.quotient + c.imaginary * d.remainder)(Complex(1.5, 2.5), Division(4, -2)))
    taken = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_char_p)
    print('strings', taken(len)(b'there'))

    # One that lives as long as what it is passed to.
    libsqlite = ctypes.CDLL('libsqlite3.so.0')
    base, rows = ctypes.c_void_p(), []
    each = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_char_p))
    row = each(lambda _, n, values, names: rows.append([values[k] for k in range(n)]) or 0)
    print('sqlite3', libsqlite.sqlite3_open(b':memory:', ctypes.byref(base)))
    script = b"create table t(a, b); insert into t values (1, 'one'), (2, 'two'), (3, null); select a, b from t order by a desc"
    print('sqlite3', libsqlite.sqlite3_exec(base, script, row, None, None), rows, libsqlite.sqlite3_close(base))

    # Each makes code of its own; they go again.
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    print('two hundred', sum(kind(lambda x, k=k: x * k)(2) for k in range(200)))


def threads():
    kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    seen = []
    entry = kind(lambda argument: seen.append((argument, threading.current_thread() is threading.main_thread())) or argument)
    thread, result = ctypes.c_ulong(), ctypes.c_void_p()
    for argument in (7, 8, 9):
        libc.pthread_create(ctypes.byref(thread), None, entry, ctypes.c_void_p(argument))
        libc.pthread_join(thread, ctypes.byref(result))
        print('thread', result.value, seen[-1])
    started = [threading.Thread(target=lambda: seen.append(libc.usleep(1000))) for _ in range(8)]
    for t in started:
        t.start()
    for t in started:
        t.join()
    print('without the lock', seen[3:])


def faults():
    script = 'import ctypes, faulthandler\ndef deep(n):\n    return deep(n - 1) if n else {}\nfaulthandler.enable()\ndeep(3)\n'
    for what in ('ctypes.string_at(8)', "ctypes.CDLL('libc.so.6').abort()", 'faulthandler._sigfpe()', 'ctypes.memset(0xfffffffffffff000, 1, 1)'):
        result = subprocess.run([sys.executable, '-c', script.format(what)], capture_output=True, text=True)
        lines = result.stderr.splitlines()
        print(what, result.returncode, lines[0], [line.split(' in ')[-1] for line in lines if ' in deep' in line], lines[-1].split('(')[0])
    faulthandler.dump_traceback_later(0.05, file=open('/tmp/later', 'w+'))
    threading.Event().wait(0.3)
    faulthandler.cancel_dump_traceback_later()
    print(open('/tmp/later').readline().strip(), 'faults' in open('/tmp/later').read())


calls()
errors()
callbacks()
threads()
faults()
