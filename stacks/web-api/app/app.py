"""The course's exercise as an API: what it takes is said in openapi.json, and held to from there.

POST /api/register stores a name and a token, GET /info/NAME shows them.
"""

import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, abort, jsonify, render_template, request, send_file, url_for
from werkzeug.exceptions import HTTPException

HERE = Path(__file__).parent
DOCUMENT = json.loads((HERE / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
# the slide's prose calls it "secret", its script "token"
RULES = {"name": SCHEMAS["Name"], "token": SCHEMAS["Token"], "secret": SCHEMAS["Token"]}
STUDENTS = os.environ.get("STUDENTS", "Student X, Student Y, ...")
DATABASE = os.path.join(os.environ.get("DATA_DIR", "."), "api.db")

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024  # a larger body is answered with 413
app.url_map.merge_slashes = False
app.jinja_env.keep_trailing_newline = True


def database():
    """A connection to the database, whose table is made when it is not there yet."""
    connection = sqlite3.connect(DATABASE, timeout=5)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, token TEXT NOT NULL)"
    )
    return connection


def token_of(name):
    """The token that was registered under a name; 404 where there is none."""
    with closing(database()) as connection:
        row = connection.execute("SELECT token FROM people WHERE name = ?", (name,)).fetchone()
    if row is None:
        abort(404, "nobody has registered under this name")
    return row[0]


def sent():
    """The JSON object that was sent; 415 where it is not called JSON, 400 where it is none."""
    if not request.is_json:
        abort(415, "the body must be JSON: Content-Type: application/json")
    try:
        found = json.loads(request.get_data().decode(), parse_constant=refused)
    except (ValueError, RecursionError):
        abort(400, "the body is no JSON (RFC 8259)")
    if not isinstance(found, dict):
        abort(400, "a JSON object is expected")
    return found


def refused(word):
    """NaN and Infinity, which Python reads, and JSON does not have."""
    raise ValueError(word)


def checked(key, value):
    """A text as the document wants it; 400 where it is not."""
    rule = RULES[key]
    if not isinstance(value, str) or not rule["minLength"] <= len(value) <= rule["maxLength"]:
        abort(400, f"'{key}' must be a text of {rule['minLength']} to {rule['maxLength']} characters")
    if re.search(rule["not"]["pattern"], value):
        abort(400, f"'{key}' has a character that it must not have. {rule['description']}")
    if re.search("[\ud800-\udfff]", value):  # half a character: JSON can say it (RFC 8259 section 8.2)
        abort(400, f"'{key}' is no text in Unicode")
    return value


def person(name):
    """What the API tells of somebody."""
    return jsonify(name=name, page=url_for("info", name=name))


@app.post("/api/register")
def register():
    given = sent()
    texts = {key: checked(key, given[key]) for key in RULES if key in given}
    token = texts.get("token", texts.get("secret"))
    if "name" not in texts or token is None:
        abort(400, "'name' and 'token' are needed")
    with closing(database()) as connection, connection:
        connection.execute("REPLACE INTO people VALUES (?, ?)", (texts["name"], token))
    return person(texts["name"])


@app.get("/api/people/<name>")
def people(name):
    token_of(name)
    return person(name)


@app.get("/info/<name>")
def info(name):
    page = render_template("info.html", name=name, token=token_of(name), students=STUDENTS)
    return page, {"Cache-Control": "no-store"}


@app.get("/openapi.json")
def document():
    return send_file(HERE / "openapi.json")


@app.get("/client.py")
def client():
    return send_file(HERE / "client.py", mimetype="text/plain")


@app.get("/")
def index():
    return render_template("index.html", paths=DOCUMENT["paths"], about=DOCUMENT["info"])


@app.errorhandler(HTTPException)
def failed(error):
    """An error of the API is JSON (RFC 9457), one of a page is a page."""
    response = error.get_response()  # keeps Allow of a 405
    if request.path.startswith("/api/"):
        said = {"type": "about:blank", "title": error.name, "status": error.code}
        response.data = json.dumps({**said, "detail": error.description}) + "\n"
        response.content_type = "application/problem+json"
    else:
        response.data = render_template("error.html", error=error)
    if error.code == 415:
        response.headers["Accept"] = "application/json"  # RFC 9110 section 12.5.1
    return response
