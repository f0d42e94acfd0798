"""A page that is made anew for each request."""

from datetime import datetime, timezone

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def hello():
    now = datetime.now(timezone.utc).strftime("%H:%M:%S")
    page = f'<!DOCTYPE html>\n<html lang="en">\n<title>Hello</title>\n<h1>Hello at {now} UTC</h1>\n'
    return page + f"<p>You asked for this by {request.method}.</p>\n"
