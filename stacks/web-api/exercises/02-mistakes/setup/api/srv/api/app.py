"""The course's exercise, and it works: as long as nobody makes a mistake."""

from flask import Flask, jsonify, render_template, request

PEOPLE = {}

app = Flask(__name__)


@app.route("/api/register", methods=["GET", "POST", "PUT", "DELETE"])
def register():
    given = request.get_json(force=True, silent=True) or request.form
    try:
        PEOPLE[given["name"]] = given["token"]
    except Exception:
        return jsonify(success=False)
    return jsonify(success=True, name=given["name"])


@app.get("/info/<name>")
def info(name):
    token = PEOPLE.get(name, "unknown")
    return render_template("info.html", name=name, token=token, students="Student X")


@app.get("/")
def index():
    return "<h1>Register and info</h1>\n"
