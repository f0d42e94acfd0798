"""The course's exercise, done right, and nobody knows: there is no document that says so."""

from flask import Flask, abort, jsonify, render_template, request

PEOPLE = {}

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024


@app.post("/api/register")
def register():
    given = request.get_json()  # 415, 400
    if not isinstance(given, dict):
        abort(400, "a JSON object is expected")
    name, token = given.get("name"), given.get("token", given.get("secret"))
    for text, longest in ((name, 100), (token, 1000)):
        if not isinstance(text, str) or not 1 <= len(text) <= longest:
            abort(400, "'name' and 'token' are texts")
    PEOPLE[name] = token
    return jsonify(name=name)


@app.get("/info/<name>")
def info(name):
    if name not in PEOPLE:
        abort(404, "nobody has registered under this name")
    return render_template("info.html", name=name, token=PEOPLE[name], students="Student X")


@app.get("/")
def index():
    return "<h1>Register and info</h1>\n"
