"""A process takes connections, and forks another for each request."""

import os
import socketserver
from http.server import BaseHTTPRequestHandler

import handler


class Request(BaseHTTPRequestHandler):
    wbufsize = 65536  # head and body go out in one piece

    def do_GET(self):
        body = handler.answer(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", handler.TYPE)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        """Say nothing: the front logs each request."""


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 1024  # connections that the system holds until they are taken
    max_children = int(os.environ.get("WORKERS", "9"))


if __name__ == "__main__":
    Server((os.environ["HOST"], int(os.environ["PORT"])), Request).serve_forever()
