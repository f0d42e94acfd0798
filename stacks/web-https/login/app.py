"""A form for a name and a password. Whatever is sent is welcome: this is about the way there."""

import html
from urllib.parse import parse_qs

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in</title>
<style>body {{ font: 1em/1.5 sans-serif; max-width: 30em; margin: 2em auto; padding: 0 1em }}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>This page came by {scheme}.{who}</p>
<form method="post" action="/login">
<p><label for="user">Name</label> <input id="user" name="user" autocomplete="username"></p>
<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"></p>
<p><button>Log in</button></p>
</form>
</main>
</body>
</html>
"""
LARGEST = 10_000


def app(environ, start_response):
    """The form; after POST /login the same with a greeting."""
    title = "Log in"
    if environ["REQUEST_METHOD"] == "POST":
        length = min(int(environ.get("CONTENT_LENGTH") or 0), LARGEST)
        fields = parse_qs(environ["wsgi.input"].read(length).decode(errors="replace"))
        title = f"Welcome, {fields.get('user', ['stranger'])[0]}"
    shown = environ.get("HTTP_X_CLIENT", "")
    page = PAGE.format(
        title=html.escape(title),
        scheme=html.escape(environ.get("HTTP_X_FORWARDED_PROTO", "http").upper()),
        who=html.escape(f" Your certificate says: {shown}.") if shown else "",
    ).encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(page))),
        ("Cache-Control", "no-store"),
    ]
    start_response("200 OK", headers)
    return [page]
