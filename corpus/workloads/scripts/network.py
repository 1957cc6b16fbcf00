#!/usr/bin/python3
"""socket, selectors, ssl with a certificate that openssl makes, asyncio, and http.server, servers and clients in one process."""
import array, asyncio, contextlib, hashlib, http.client, http.server, os, selectors, socket, socketserver, ssl, subprocess, threading, urllib.request

text = open('/data/small.txt', 'rb').read()
os.mkdir('/tmp/net')
os.chdir('/tmp/net')


def receive_all(connection):
    return b''.join(iter(lambda: connection.recv(65536), b''))


def serve(listener, answer, times):
    def run():
        for _ in range(times):
            connection, _ = listener.accept()
            with connection:
                answer(connection)
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def sockets():
    for family, address in ((socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_INET6, ('::1', 0)), (socket.AF_UNIX, 'path'), (socket.AF_UNIX, '\0abstract')):
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.bind(address)
            listener.listen()
            thread = serve(listener, lambda c: c.sendall(hashlib.sha256(receive_all(c)).hexdigest().encode()), 3)
            for _ in range(3):
                with socket.socket(family, socket.SOCK_STREAM) as client:
                    client.connect(listener.getsockname())
                    client.sendall(text * 5)
                    client.shutdown(socket.SHUT_WR)
                    answer = receive_all(client)
            thread.join()
            print(family.name, answer.decode()[:16])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(('127.0.0.1', 0))
        two.bind(('127.0.0.1', 0))
        one.settimeout(60)
        two.sendto(b'datagram', one.getsockname())
        data, sender = one.recvfrom(4)
        print('udp', data, sender == two.getsockname())
        one.settimeout(0.05)
        try:
            one.recv(10)
        except TimeoutError as error:
            print('udp', error)
    left, right = socket.socketpair()
    with left, right, open('/data/table.csv', 'rb') as table:
        socket.send_fds(left, [b'x'], [table.fileno()])
        data, descriptors, flags, _ = socket.recv_fds(right, 10, 4)
        print('descriptor', data, os.read(descriptors[0], 20), flags)
        os.close(descriptors[0])
    with socket.socket() as nobody:
        nobody.bind(('127.0.0.1', 0))
        try:
            socket.create_connection(nobody.getsockname(), 5)
        except ConnectionRefusedError as error:
            print('refused', error.errno)
    print('names', socket.getaddrinfo('localhost', 80, socket.AF_INET, socket.SOCK_STREAM)[0][4], socket.inet_pton(socket.AF_INET6, '::ffff:1.2.3.4').hex())


def selecting():
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(20)]
        for n, (a, b) in enumerate(pairs):
            stack.enter_context(a)
            stack.enter_context(b)
            b.setblocking(False)
            selector.register(b, selectors.EVENT_READ, n)
        for n in range(0, 20, 3):
            pairs[n][0].send(bytes([n]))
        print(type(selector).__name__, sorted(key.data for key, _ in selector.select(60)))


def certificates():
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, stderr=subprocess.DEVNULL)


def secured():
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain('cert.pem', 'key.pem')
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile='cert.pem')
        context.maximum_version = version
        with socket.create_server(('127.0.0.1', 0)) as listener:
            def answer(connection):
                with server_context.wrap_socket(connection, server_side=True) as secure:
                    length = int.from_bytes(secure.recv(8))
                    data = b''
                    while len(data) < length:
                        data += secure.recv(65536)
                    secure.sendall(hashlib.sha256(data).digest())
            thread = serve(listener, answer, 1)
            with context.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname='localhost') as client:
                client.sendall(len(text).to_bytes(8) + text)
                print(client.version(), client.recv(100).hex()[:16], client.getpeercert()['subjectAltName'])
            thread.join()
    with socket.create_server(('127.0.0.1', 0)) as listener:
        def refuse(connection):
            with contextlib.suppress(ssl.SSLError, OSError):
                server_context.wrap_socket(connection, server_side=True).close()
        thread = serve(listener, refuse, 1)
        try:
            ssl.create_default_context().wrap_socket(socket.create_connection(listener.getsockname()), server_hostname='localhost')
        except ssl.SSLCertVerificationError as error:
            print('not trusted', error.verify_code)
        thread.join()


async def together():
    async def handle(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def client(port, n, context=None):
        reader, writer = await asyncio.open_connection('127.0.0.1', port, ssl=context)
        answers = []
        for k in range(20):
            writer.write(f'line {n} {k}\n'.encode())
            answers.append((await reader.readline()).decode().strip())
        writer.close()
        await writer.wait_closed()
        return answers[-1]

    async with await asyncio.start_server(handle, '127.0.0.1', 0) as server:
        port = server.sockets[0].getsockname()[1]
        print('asyncio', (await asyncio.gather(*(client(port, n) for n in range(30))))[::10])
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain('cert.pem', 'key.pem')
    async with await asyncio.start_server(handle, '127.0.0.1', 0, ssl=server_context) as server:
        port = server.sockets[0].getsockname()[1]
        context = ssl.create_default_context(cafile='cert.pem')
        print('asyncio and ssl', await asyncio.gather(*(client(port, n, context) for n in range(3))))
    child = await asyncio.create_subprocess_exec('sort', stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print('subprocess', await child.communicate(b'c\nb\na\n'), child.returncode)
    try:
        async with asyncio.timeout(0.05):
            await asyncio.sleep(60)
    except TimeoutError:
        print('timeout')
    results, todo = [], asyncio.Queue()
    async def consume():
        while (item := await todo.get()) is not None:
            results.append(item * item)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(consume())
        for n in (*range(100), None, None, None):
            await todo.put(n)
    print('queue', sum(results), await asyncio.to_thread(sum, range(10)), await asyncio.get_running_loop().run_in_executor(None, os.getcwd))


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(hashlib.sha256(body).hexdigest().encode())

    def log_message(self, *arguments):
        pass


def web():
    open('page.txt', 'wb').write(text)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f'http://127.0.0.1:{server.server_port}'
        with urllib.request.urlopen(f'{base}/page.txt') as answer:
            print('get', answer.status, answer.headers['Content-Length'], answer.headers['Content-Type'], answer.read() == text)
        with urllib.request.urlopen(urllib.request.Request(base, data=text * 3, method='POST')) as answer:
            print('post', answer.status, answer.read()[:16].decode())
        connection = http.client.HTTPConnection('127.0.0.1', server.server_port)
        connection.request('GET', '/nothing')
        print('missing', connection.getresponse().status)
        connection.close()
        codes = []
        def fetch():
            for _ in range(10):
                with urllib.request.urlopen(f'{base}/page.txt') as answer:
                    codes.append((answer.status, len(answer.read())))
        clients = [threading.Thread(target=fetch) for _ in range(4)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        print('together', len(codes), set(codes))
        server.shutdown()
        thread.join()


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline() * 2)


def forking():
    with socketserver.ForkingTCPServer(('127.0.0.1', 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for n in range(3):
            with socket.create_connection(server.server_address) as client:
                client.sendall(b'%d\n' % n)
                print('forked', receive_all(client))
        server.shutdown()
        thread.join()


sockets()
selecting()
certificates()
secured()
asyncio.run(together())
web()
forking()
