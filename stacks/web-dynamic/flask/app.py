"""A to-do list with accounts, in Flask.

What people write is in PostgreSQL, where the environment says (PGHOST, PGUSER, …). Who somebody is
stands in a cookie that this application has signed (SECRET_KEY).
"""

import hmac
import os
import secrets
from importlib.metadata import version

import psycopg
from flask import Flask, Response, abort, g, redirect, render_template, request, session
from psycopg.rows import dict_row
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["SECRET_KEY"],
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=True,
    MAX_CONTENT_LENGTH=16 * 1024,
)


def query(sql, *values):
    """The rows that a statement yields, as dictionaries; none where it is no question."""
    if "database" not in g:
        g.database = psycopg.connect(autocommit=True, row_factory=dict_row, connect_timeout=5)
    found = g.database.execute(sql, values)
    return found.fetchall() if found.description else []


@app.teardown_appcontext
def close(_):
    if "database" in g:
        g.pop("database").close()


@app.errorhandler(psycopg.OperationalError)
def no_database(_):
    return "The database does not answer.\n", 503


@app.before_request
def own_form():
    """A form must carry what only a page of this site knows (cross-site request forgery)."""
    known = session.get("csrf", "")
    if request.method == "POST" and not (
        known and hmac.compare_digest(request.form.get("csrf", "").encode(), known.encode())
    ):
        abort(403)


def person():
    """Who asks, or None."""
    found = query("SELECT id, name FROM people WHERE id = %s", session.get("person"))
    return found[0] if found else None


def page(message="", status=200):
    who = person()
    session.setdefault("csrf", secrets.token_urlsafe(16))
    counts = query("SELECT (SELECT count(*) FROM people) p, (SELECT count(*) FROM tasks) t")[0]
    tasks = query("SELECT * FROM tasks WHERE person = %s ORDER BY id", who["id"]) if who else []
    server = request.environ.get("SERVER_SOFTWARE", "")
    if "uwsgi.version" in request.environ:
        server = "uWSGI/" + request.environ["uwsgi.version"].decode()
    return render_template(
        "todo.html",
        framework=f"Flask {version('flask')} under {server}",
        people=counts["p"],
        all_tasks=counts["t"],
        csrf=session["csrf"],
        person=who,
        tasks=tasks,
        message=message,
    ), status


def enter(number):
    """From now on this browser is that person: with a session that nobody knew before."""
    session.clear()
    session["person"] = number
    return redirect("/", 303)


def credentials():
    return request.form.get("name", "").strip(), request.form.get("password", "")


@app.get("/")
def index():
    return page()


@app.post("/register")
def register():
    name, password = credentials()
    if not 1 <= len(name) <= 40 or not name.isprintable() or not 8 <= len(password) <= 200:
        return page("A name of at most 40 characters, and a password of at least 8.", 400)
    made = query(
        "INSERT INTO people (name, password) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id",
        name,
        generate_password_hash(password),
    )
    return enter(made[0]["id"]) if made else page("That name is taken.", 409)


@app.post("/login")
def login():
    name, password = credentials()
    found = query("SELECT id, password FROM people WHERE name = %s", name.replace("\0", ""))
    if not found or not check_password_hash(found[0]["password"], password):
        return page("No such name, or another password.", 403)
    return enter(found[0]["id"])


@app.post("/logout")
def logout():
    session.clear()
    return redirect("/", 303)


@app.post("/tasks")
def add():
    who, text = person(), request.form.get("text", "").strip()
    if who is None:
        abort(403)
    if not 1 <= len(text) <= 200 or "\0" in text:
        return page("A task has 1 to 200 characters.", 400)
    query("INSERT INTO tasks (person, text) VALUES (%s, %s)", who["id"], text)
    return redirect("/", 303)


@app.post("/tasks/<int:number>/<any(done, delete):action>")
def change(number, action):
    """Only one's own tasks: somebody else's are not there."""
    who = person()
    if who is None:
        abort(403)
    statement = {
        "done": "UPDATE tasks SET done = NOT done WHERE id = %s AND person = %s RETURNING id",
        "delete": "DELETE FROM tasks WHERE id = %s AND person = %s RETURNING id",
    }[action]
    if number >= 2**63 or not query(statement, number, who["id"]):
        abort(404)
    return redirect("/", 303)


@app.get("/people/<name>")
def profile(name):
    found = query(
        "SELECT name, count(tasks.id) FILTER (WHERE NOT done) AS open FROM people"
        " LEFT JOIN tasks ON tasks.person = people.id WHERE name = %s GROUP BY name",
        name.replace("\0", ""),
    )
    if not found:
        abort(404)
    text = "".join(f"{row['name']}: {row['open']} open tasks\n" for row in found)
    return Response(text, mimetype="text/plain")


@app.get("/health")
def health():
    query("SELECT 1")
    return Response("ok\n", mimetype="text/plain")
