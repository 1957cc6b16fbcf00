"""Counts in Redis what is asked for over HTTP: GET /api/count/KEY adds one, GET /api/value/KEY tells."""

import http.server
import json
import socket
import threading

REDIS = ("redis", 6379)
connections = threading.local()


def redis(*words):
    """One command, over a connection of the thread's own; commands used here answer with a number, a string or nil."""
    if not hasattr(connections, "file"):
        connection = socket.create_connection(REDIS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.file = connection.makefile("rwb")
    file = connections.file
    parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in (word.encode() for word in words)]
    file.write(b"".join(parts))
    file.flush()
    line = file.readline().rstrip()
    if line[:1] == b":":
        return int(line[1:])
    if line[:1] == b"$":
        length = int(line[1:])
        return None if length < 0 else file.read(length + 2)[:-2].decode()
    raise RuntimeError(line.decode())


class Gate(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        match self.path.split("/"):
            case ["", "api", "count", key]:
                answer = {"key": key, "count": redis("INCR", key)}
            case ["", "api", "value", key]:
                answer = {"key": key, "value": redis("GET", key)}
            case _:
                self.send_error(404)
                return
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("", 8000), Gate)
print("gate: ready", flush=True)
server.serve_forever()
