#!/usr/bin/python3 -I
"""One form answered by a Python program (CGI 1.1, RFC 3875; form encoding: WHATWG URL, part 5)."""

import os
import re
import sys
from urllib.parse import parse_qsl

LIMIT = 4096
FORM = "application/x-www-form-urlencoded"
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Answer</title>
<link rel="stylesheet" href="/style.css">
<h1>Answered by the Python program</h1>
<p>{method}: {length} bytes, from {source}.</p>
<table>
{rows}</table>
<p><a href="/">Back to the form</a></p>
"""


def send(body, *headers):
    """Write the CGI headers, an empty line, the body."""
    sys.stdout.buffer.write("\r\n".join([*headers, "", body]).encode())


def fail(status, *headers):
    """Answer with an error and end."""
    sys.stdin.buffer.read()  # whoever hands the body over must get rid of it
    send(f"{status}\n", f"Status: {status}", "Content-Type: text/plain", *headers)
    sys.exit()


def escape(text):
    """The text as it is written inside HTML, which cannot hold a NUL: U+FFFD stands for it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\0", "\N{REPLACEMENT CHARACTER}")


method, data = os.environ.get("REQUEST_METHOD", ""), os.environb.get(b"QUERY_STRING", b"")
source = "the variable <code>QUERY_STRING</code>"
if method == "POST":
    length = os.environ.get("CONTENT_LENGTH") or "0"
    if not os.environ.get("CONTENT_TYPE", "").startswith(FORM):
        fail("415 Unsupported Media Type")
    if not re.fullmatch("[0-9]{1,15}", length):
        fail("400 Bad Request")
    if int(length) > LIMIT:
        fail("413 Content Too Large")
    data = sys.stdin.buffer.read(int(length))
    source = "standard input, <code>CONTENT_LENGTH</code> bytes of it"
elif method not in ("GET", "HEAD"):
    fail("405 Method Not Allowed", "Allow: GET, HEAD, POST")
if len(data) > LIMIT:
    fail("414 URI Too Long")

try:
    fields = parse_qsl(data.decode(), keep_blank_values=True, errors="strict")
except UnicodeDecodeError:
    fail("400 Bad Request")
rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(v)}</td></tr>\n" for n, v in fields)
page = PAGE.format(method=method, length=len(data), source=source, rows=rows)
send(page, "Content-Type: text/html; charset=utf-8")
