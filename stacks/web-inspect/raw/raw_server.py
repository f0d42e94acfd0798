"""A web server on bare sockets: what every other one does as well, and little more.

    python3 raw_server.py        then open http://127.0.0.1:8000/

HTTP/1.1 is text (RFC 9112): lines that end in CR LF, an empty line, then the body. One connection
after the other: while somebody is slow, everybody waits. Try it: `nc 127.0.0.1 8000`, and type
nothing.
"""

import os
import socket

PATIENCE = 5  # seconds for a request
LARGEST = 16 * 1024  # bytes of a request's head

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A server of sixty lines</title>
<link rel="icon" href="data:,">
</head>
<body>
<main>
<h1>A server of sixty lines</h1>
<p>This page was sent by a program that knows sockets, and nothing of the web.</p>
<p lang="fr">Voilà où mènent des sockets : une page écrite à la main, envoyée telle quelle.</p>
</main>
</body>
</html>
"""


def read_head(connection):
    """The request up to its empty line, as text; "" when the other side says nothing more."""
    received = b""
    while b"\r\n\r\n" not in received and len(received) < LARGEST:
        piece = connection.recv(4096)  # any number of bytes: a request may come in pieces
        if not piece:
            return ""
        received += piece
    return received.partition(b"\r\n\r\n")[0].decode("latin-1")


def answer(head):
    """Status line, header fields and body for a request."""
    method, _, rest = head.partition("\r\n")[0].partition(" ")
    target, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1."):
        return response("400 Bad Request", "That was no HTTP/1.\n")
    if method not in ("GET", "HEAD"):
        return response("405 Method Not Allowed", "GET it.\n", "Allow: GET, HEAD")
    if target.partition("?")[0] != "/":
        return response("404 Not Found", "There is only one page.\n")
    whole = response("200 OK", PAGE, kind="text/html")
    return whole if method == "GET" else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def response(status, text, *fields, kind="text/plain"):
    """A whole response, as bytes."""
    body = text.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}; charset=utf-8",
             f"Content-Length: {len(body)}", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def part(connection):
    """Say that this was all, and hear the other side out: who closes while there is something
    unread resets the connection, and the answer may be lost with it (RFC 9112 section 9.6)."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


def serve(host, port):
    """Wait, and wait, and answer now and then."""
    listening = socket.create_server((host, port), backlog=64)
    print(f"waiting at {host}:{port}")
    while True:
        connection, client = listening.accept()
        with connection:
            connection.settimeout(PATIENCE)
            try:
                head = read_head(connection)
                if head:
                    print(client[0], head.partition("\r\n")[0].encode("unicode_escape").decode())
                    connection.sendall(answer(head))
                    part(connection)
            except OSError as error:  # gone, or too slow
                print(client[0], error)


if __name__ == "__main__":
    serve(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
