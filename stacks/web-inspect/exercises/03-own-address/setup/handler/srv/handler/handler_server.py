"""A server to be finished: python3 handler_server.py"""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 75

    def do_GET(self):
        self.answer(200, "Here will be my address.\n")

    def answer(self, status, text, kind="text/plain", **fields):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    place = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    ThreadingHTTPServer(place, Handler).serve_forever()
