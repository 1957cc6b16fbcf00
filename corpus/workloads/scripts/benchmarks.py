#!/usr/bin/python3
"""Kernels as in pyperformance: an operating system's scheduler, a constraint solver, bodies, spectral norm, JSON, regular expressions, and more. Prints results, not times."""
import hashlib, json, re, sys, time

scale = int(sys.argv[1]) if len(sys.argv) > 1 else 1


class Packet:
    def __init__(self, link, ident, kind):
        self.link, self.ident, self.kind, self.datum, self.data = link, ident, kind, 0, [0] * 4

    def append_to(self, queue):
        self.link = None
        if queue is None:
            return self
        at = queue
        while at.link is not None:
            at = at.link
        at.link = self
        return queue


class Task:
    def __init__(self, scheduler, ident, priority, queue, step):
        self.scheduler, self.ident, self.priority, self.queue, self.step = scheduler, ident, priority, queue, step
        self.held, self.waiting = False, queue is None

    def add(self, packet):
        self.queue = packet.append_to(self.queue)
        self.waiting = False

    def run(self):
        packet = self.queue
        if packet is not None:
            self.queue = packet.link
        self.waiting = self.step(self, packet) is None and self.queue is None


class Scheduler:
    """After Martin Richards' benchmark: tasks of an idler, a worker, two handlers and two devices pass packets to each other."""

    def __init__(self):
        self.tasks, self.passed, self.holds, self.state = {}, 0, 0, 1

    def send(self, to, packet):
        self.passed += 1
        self.tasks[to].add(packet)

    def run(self, turns):
        order = sorted(self.tasks.values(), key=lambda t: -t.priority)
        for _ in range(turns):
            ready = next((t for t in order if not t.held and not t.waiting), None)
            if ready is None:
                break
            ready.run()
        return self.passed, self.holds


def richards():
    scheduler = Scheduler()

    def idle(task, packet):
        scheduler.state = scheduler.state >> 1 if scheduler.state & 1 == 0 else scheduler.state >> 1 ^ 0xd008
        device = 4 + (scheduler.state & 1)
        scheduler.send(device, Packet(None, device, 0))
        return True

    def worker(task, packet):
        if packet is not None:
            packet.datum = (packet.datum + 1) % 26
            packet.data = [(65 + packet.datum + k) % 91 for k in range(4)]
            scheduler.send(2 + packet.datum % 2, packet)

    def handler(task, packet):
        if packet is not None:
            if packet.kind == 1:
                packet.kind = 0
                scheduler.send(4 + packet.datum % 2, packet)
            else:
                packet.kind = 1
                scheduler.send(1, packet)

    def device(task, packet):
        if packet is None:
            scheduler.holds += 1
        elif packet.datum < 9:
            packet.datum += 1
            scheduler.send(2 + packet.datum % 2, packet)

    for ident, priority, step in ((0, 0, idle), (1, 1000, worker), (2, 2000, handler), (3, 3000, handler), (4, 4000, device), (5, 5000, device)):
        scheduler.tasks[ident] = Task(scheduler, ident, priority, None if ident else Packet(None, 0, 0), step)
    return scheduler.run(20000 * scale)


def deltablue():
    """One-way constraints in a chain and a fan, solved by propagation in order of strength."""
    class Variable:
        def __init__(self, value):
            self.value, self.uses, self.stamp = value, [], 0

    class Constraint:
        def __init__(self, inputs, output, function, strength):
            self.inputs, self.output, self.function, self.strength = inputs, output, function, strength
            for v in inputs:
                v.uses.append(self)

        def satisfy(self):
            self.output.value = self.function(*(v.value for v in self.inputs))

    def propagate(start, stamp):
        agenda = [start]
        count = 0
        while agenda:
            variable = agenda.pop()
            for constraint in sorted(variable.uses, key=lambda c: c.strength):
                if constraint.output.stamp != stamp:
                    constraint.satisfy()
                    constraint.output.stamp = stamp
                    agenda.append(constraint.output)
                    count += 1
        return count

    chain = [Variable(0) for _ in range(2000)]
    for a, b in zip(chain, chain[1:]):
        Constraint([a], b, lambda x: x + 1, 1)
    hub, fan = Variable(1), [Variable(0) for _ in range(2000)]
    for k, v in enumerate(fan):
        Constraint([hub, chain[k]], v, lambda x, y, k=k: x * k + y, k % 5)
    total = 0
    for stamp in range(1, 6 * scale + 1):
        chain[0].value = hub.value = stamp
        total += propagate(chain[0], 2 * stamp) + propagate(hub, 2 * stamp + 1)
    return total, chain[-1].value, sum(v.value for v in fan)


def nbody():
    bodies = [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.478], [4.84, -1.16, -0.10, 0.606, 2.81, -0.025, 0.0377], [8.34, 4.12, -0.40, -1.01, 1.82, 0.0084, 0.0113], [12.89, -15.11, -0.22, 1.08, 0.868, -0.0108, 0.0017], [15.38, -25.92, 0.18, 0.979, 0.594, -0.0347, 0.0020]]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
    for _ in range(4000 * scale):
        for a, b in pairs:
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            m = 0.01 * (dx * dx + dy * dy + dz * dz) ** -1.5
            for body, mass, sign in ((a, b[6] * m, -1), (b, a[6] * m, 1)):
                body[3] += sign * dx * mass
                body[4] += sign * dy * mass
                body[5] += sign * dz * mass
        for body in bodies:
            for k in range(3):
                body[k] += 0.01 * body[k + 3]
    return [f'{x:.6f}' for x in bodies[1][:3]]


def spectral_norm():
    n = 80
    def multiply(v, transposed):
        return [sum((1.0 / ((i + j) * (i + j + 1) // 2 + (j if transposed else i) + 1)) * v[j] for j in range(n)) for i in range(n)]
    u = [1.0] * n
    for _ in range(4 * scale):
        v = multiply(multiply(u, False), True)
        u = multiply(multiply(v, False), True)
    return f'{(sum(a * b for a, b in zip(u, v)) / sum(b * b for b in v)) ** 0.5:.9f}'


def json_dumps():
    document = {f'key {k}': [k, k / 3, str(k) * 3, None, {'nested': [True, [k] * 5]}] for k in range(300)}
    for _ in range(15 * scale):
        text = json.dumps(document, sort_keys=True)
        assert json.loads(text) == document
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def regex():
    text = open('/data/small.txt', encoding='ascii').read() * scale
    patterns = (r'\b\w*ing\b', r'(\d+) (\w+) (?:fault|guest)', r'[aeiou]{2,}[^aeiou\s]+', r'^(\d+).*?(\w+)$', r'(?:a|b|ab)*c', r'(?P<x>\w)(?P=x)')
    return [len(re.findall(p, text, re.M)) for p in patterns]


def fannkuch():
    n, perm, count, best, checksum, sign = 7 + (scale > 1), None, None, 0, 0, 1
    perm, count = list(range(n)), [0] * n
    r = n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        flips, p = 0, perm[:]
        while p[0]:
            k = p[0]
            p[:k + 1] = p[k::-1]
            flips += 1
        best, checksum, sign = max(best, flips), checksum + sign * flips, -sign
        while True:
            if r == n:
                return checksum, best
            perm.insert(r, perm.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1


def mandelbrot():
    rows = []
    for y in range(-20, 21):
        row = ''
        for x in range(-30, 11):
            z, c, n = 0j, complex(x / 15, y / 16), 0
            while abs(z) < 2 and n < 60 * scale:
                z, n = z * z + c, n + 1
            row += ' .:-=+*#%@'[n % 10]
        rows.append(row)
    return hashlib.sha256('\n'.join(rows).encode()).hexdigest()[:16]


def generators():
    def tree(depth):
        if depth:
            yield from tree(depth - 1)
            yield depth
            yield from tree(depth - 1)
    return sum(n * k % 1009 for k, n in enumerate(tree(12 + (scale > 1))))


for benchmark in (richards, deltablue, nbody, spectral_norm, json_dumps, regex, fannkuch, mandelbrot, generators):
    started = time.perf_counter()
    print(benchmark.__name__, benchmark())
    print(f'{benchmark.__name__}: {time.perf_counter() - started:.3f} s', file=sys.stderr)
