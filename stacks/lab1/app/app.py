"""The course's exercise: POST /api/register stores a name and a token, GET /info/NAME shows them.

Also a counter of visits, kept by the visitor's own browser in a cookie.
"""

import os
import re
import sqlite3
from contextlib import closing

from flask import Flask, abort, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

STUDENTS = os.environ.get("STUDENTS", "Student X, Student Y, ...")
DATABASE = os.path.join(os.environ.get("DATA_DIR", "."), "app.db")
MAX_NAME, MAX_TOKEN = 100, 1000  # characters
YEAR = 365 * 24 * 3600  # seconds

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024  # a larger body is answered with 413
app.url_map.merge_slashes = False  # a name may hold "//"


def database():
    """A connection to the database, whose table is made when it is not there yet."""
    connection = sqlite3.connect(DATABASE, timeout=5)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, token TEXT NOT NULL)"
    )
    return connection


def text_of(sent, key, longest):
    """The text under a key of what was sent; 400 when it is missing, too long or no text."""
    value = sent.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        abort(400, f"'{key}' must be a text of 1 to {longest} characters")
    if re.search("[\x00-\x1f\x7f\ud800-\udfff]", value):
        abort(400, f"'{key}' must not have control characters")
    return value


@app.post("/api/register")
def register():
    sent = request.get_json()  # 415 when it is not called JSON, 400 when it is none
    if not isinstance(sent, dict):
        abort(400, "a JSON object is expected")
    name = text_of(sent, "name", MAX_NAME)
    # the slide's prose calls it "secret", its script "token"
    token = text_of(sent, "token" if "token" in sent else "secret", MAX_TOKEN)
    with closing(database()) as connection, connection:
        connection.execute("REPLACE INTO people VALUES (?, ?)", (name, token))
    return jsonify(name=name)


@app.get("/info/<path:name>")
def info(name):
    with closing(database()) as connection:
        row = connection.execute("SELECT token FROM people WHERE name = ?", (name,)).fetchone()
    if row is None:
        abort(404, "nobody has registered under this name")
    return render_template("info.html", name=name, token=row[0], students=STUDENTS)


@app.get("/")
def index():
    """The visits so far are what the browser says: a cookie is the visitor's to change."""
    cookie = request.cookies.get("visits", "")
    visits = min(int(cookie), 999_999) + 1 if re.fullmatch("[0-9]{1,6}", cookie) else 1
    response = app.make_response(render_template("index.html", visits=visits))
    response.set_cookie("visits", str(visits), max_age=YEAR, httponly=True, samesite="Lax")
    response.headers["Cache-Control"] = "no-store"
    return response


@app.errorhandler(HTTPException)
def failed(error):
    """An error of the API is JSON, as its answers are."""
    if not request.path.startswith("/api/"):
        return error
    response = error.get_response()  # keeps Allow of a 405
    response.data = jsonify(error=error.description).data
    response.content_type = "application/json"
    return response
