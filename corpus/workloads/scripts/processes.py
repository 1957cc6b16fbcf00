#!/usr/bin/python3
"""threading, subprocess, signal and multiprocessing: fork and spawn, pools, queues, shared memory."""
import concurrent.futures, hashlib, multiprocessing, os, queue, select, signal, subprocess, sys, threading, time
from multiprocessing import shared_memory


def work(n):
    return n, hashlib.sha256(str(n).encode() * 1000).hexdigest()[:8]


def produce(out, start):
    for n in range(start, start + 50):
        out.put(n)
    out.put(None)


def fill(name, lock, value):
    block = shared_memory.SharedMemory(name)
    for k in range(100):
        with lock:
            block.buf[k] = (block.buf[k] + value) % 256
    block.close()


def ask(pipe):
    total = 0
    while (item := pipe.recv()) is not None:
        total += item
    pipe.send(total)


def threads():
    lock, total, seen = threading.Lock(), [0], queue.Queue()

    def add(n):
        for _ in range(1000):
            with lock:
                total[0] += n
        seen.put(n)

    started = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for t in started:
        t.start()
    for t in started:
        t.join()
    print('threads', total, sorted(seen.queue))
    barrier, order = threading.Barrier(4), []
    def meet(n):
        for round in range(20):
            barrier.wait(60)
            order.append(round)
    started = [threading.Thread(target=meet, args=(n,)) for n in range(4)]
    for t in started:
        t.start()
    for t in started:
        t.join()
    print('barrier', order == sorted(order), len(order))
    event, condition = threading.Event(), threading.Condition()
    timer = threading.Timer(0.05, event.set)
    timer.start()
    print('event', event.wait(60), event.wait(0))
    with condition:
        print('condition', condition.wait_for(lambda: False, timeout=0.05))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print('executor', sum(len(d) for _, d in pool.map(work, range(40))))
    local = threading.local()
    local.x = 1
    t = threading.Thread(target=lambda: print('local', hasattr(local, 'x')))
    t.start()
    t.join()


def children():
    print('run', subprocess.run(['sort', '-r'], input='a\nc\nb\n', capture_output=True, text=True))
    first = subprocess.Popen(['seq', '1', '20000'], stdout=subprocess.PIPE)
    second = subprocess.Popen(['sha256sum'], stdin=first.stdout, stdout=subprocess.PIPE, text=True)
    first.stdout.close()
    print('pipe', second.communicate()[0].strip(), first.wait())
    print('shell', subprocess.getstatusoutput('echo $((6 * 7)); exit 3'))
    print('env', subprocess.check_output(['env'], env={'A': 'é'}).decode(), end='')
    try:
        subprocess.run(['sleep', '60'], timeout=0.1)
    except subprocess.TimeoutExpired as expired:
        print('timeout', expired.cmd)
    child = subprocess.Popen(['sleep', '60'])
    child.send_signal(signal.SIGTERM)
    print('signal', child.wait())
    try:
        subprocess.Popen(['/nothing/of/this/name'])
    except FileNotFoundError as error:
        print('missing', error.errno, error.filename)
    read, write = os.pipe()
    subprocess.run([sys.executable, '-c', f'import os; os.write({write}, b"from the child")'], pass_fds=[write], check=True)
    print('descriptor', os.read(read, 100))
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    print('fork', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    pid = os.posix_spawn('/usr/bin/true', ['true'], {})
    descriptor = os.pidfd_open(pid)
    print('pidfd', len(select.select([descriptor], [], [], 60)[0]), os.waitid(os.P_PIDFD, descriptor, os.WEXITED).si_status)


def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    total = 0
    while len(seen) < 10:
        total += sum(i * i for i in range(1000))
    signal.setitimer(signal.ITIMER_REAL, 0)
    print('alarms', {signal.Signals(n).name for n in seen}, total % 332833500)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.kill(os.getpid(), signal.SIGUSR1)
    print('pending', signal.sigpending(), signal.sigwait([signal.SIGUSR1]).name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])

    class Late(Exception):
        """The alarm of a sleep."""

    def late(number, frame):
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        time.sleep(60)
    except Late:
        print('sleep was cut short')


def processes(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        print(method, 'pool', pool.map(work, range(3)), sorted(pool.imap_unordered(abs, range(-4, 4), chunksize=3)))
        try:
            pool.apply(int, ('x',))
        except ValueError as error:
            print(method, 'exception', error)
    out = context.Queue()
    producers = [context.Process(target=produce, args=(out, 100 * k)) for k in range(2)]
    for p in producers:
        p.start()
    items, ends = [], 0
    while ends < 2:
        item = out.get(timeout=120)
        ends += item is None
        items += [] if item is None else [item]
    for p in producers:
        p.join()
    print(method, 'queue', sorted(items) == [*range(50), *range(100, 150)], [p.exitcode for p in producers])
    block, lock = shared_memory.SharedMemory(create=True, size=4096), context.Lock()
    writers = [context.Process(target=fill, args=(block.name, lock, k)) for k in (3, 5)]
    for p in writers:
        p.start()
    for p in writers:
        p.join()
    print(method, 'shared memory', set(block.buf[:100]), block.size)
    block.close()
    block.unlink()
    ours, theirs = context.Pipe()
    child = context.Process(target=ask, args=(theirs,))
    child.start()
    for n in (*range(100), None):
        ours.send(n)
    print(method, 'pipe', ours.recv())
    child.join()
    victim = context.Process(target=time.sleep, args=(60,))
    victim.start()
    victim.terminate()
    victim.join()
    print(method, 'terminated', victim.exitcode)


if __name__ == '__main__':
    threads()
    children()
    signals()
    for method in ('fork', 'spawn'):
        processes(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:
        print('executor', list(pool.map(work, range(2))))
