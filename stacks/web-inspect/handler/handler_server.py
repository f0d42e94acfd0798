"""The same with Python's http.server: it reads requests and knows the rules, we write answers.

    python3 handler_server.py      then open http://127.0.0.1:8000/

A class has a method for each method of HTTP: do_GET, do_HEAD, do_POST. What is missing is answered
with 501. Each connection has a thread of its own, so nobody waits for whoever is slow.
"""

import html
import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from find_my_ip import find_my_ip

LARGEST = 64 * 1024  # bytes of a body


class Handler(BaseHTTPRequestHandler):
    """Answers one connection, request after request."""

    protocol_version = "HTTP/1.1"  # connections stay open: every answer needs a Content-Length
    timeout = 75  # seconds; longer than the front keeps a connection that it does not need

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer(200, self.page(), "text/html")
        elif path == "/ip":
            self.answer(200, json.dumps(self.addresses()) + "\n", "application/json")
        elif path == "/echo":
            self.answer(405, "POST it.\n", Allow="POST")
        else:
            self.answer(404, "There is no such page.\n")

    do_HEAD = do_GET  # the same without the body, see `answer`

    def do_POST(self):
        body = self.body()
        if body is None:
            return
        if self.path == "/echo":
            self.answer(200, body, self.headers.get_content_type())
        else:
            self.answer(405, "GET it.\n", Allow="GET, HEAD")

    def body(self):
        """What came with the request; None where that was answered with an error."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True  # where the next request would begin, nobody knows
            self.answer(411, "How long is it?\n")
        elif int(length) > LARGEST:
            self.close_connection = True
            self.answer(413, "That is too much.\n")
        else:
            return self.rfile.read(int(length))
        return None

    def finish(self):
        """Hear the other side out before closing: see `part` of the server of bare sockets."""
        super().finish()
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(4096):
                pass
        except OSError:  # gone already, or too slow
            pass

    def addresses(self):
        """Our own address, and the one that speaks to us: behind a front, the front's."""
        return {
            "mine": find_my_ip(),
            "speaks to me": self.client_address[0],
            "asks, says the front": self.headers.get("X-Real-IP"),
        }

    def page(self):
        rows = "".join(
            f"<tr><th scope=row>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>\n"
            for name, value in [*self.addresses().items(), *self.headers.items()]
        )
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<title>Who asks whom</title>\n<link rel="icon" href="data:,">\n'
            "<style>th { text-align: left } td { overflow-wrap: anywhere }</style>\n"
            "</head>\n<body>\n"
            f"<main>\n<h1>Who asks whom</h1>\n<table>\n{rows}</table>\n</main>\n</body>\n</html>\n"
        )

    def answer(self, status, body, kind="text/plain", **fields):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """A thread for each connection; what waits for one is not refused."""

    request_queue_size = 64


if __name__ == "__main__":
    place = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    print("waiting at %s:%d" % place, flush=True)
    Server(place, Handler).serve_forever()
