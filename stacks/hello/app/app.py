"""A page that is made anew for each request."""

from datetime import datetime, timezone

from flask import Flask, request

app = Flask(__name__)
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello</title>
<h1>Hello at {now} UTC</h1>
<p>You asked for this by {method}.</p>
"""


@app.get("/")
def hello():
    now = datetime.now(timezone.utc).strftime("%H:%M:%S")
    return PAGE.format(now=now, method=request.method)
