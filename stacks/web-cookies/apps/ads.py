"""Somebody else, below a domain of their own: a tracker, and an attacker.

tracker.<domain> has one image, which newspapers put into their pages; evil.<domain> has one form,
which sends an order to a shop in the name of whoever is logged in there.
"""

import base64
import os
import secrets
import sqlite3
from contextlib import closing

from flask import Flask, Response, jsonify, render_template, request

import names

DATABASE = os.path.join(os.environ.get("DATA_DIR", "."), "ads.db")
# the smallest picture there is: one transparent pixel
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
YEAR = 365 * 24 * 3600

app = Flask(__name__)


def database(question, *values):
    with closing(sqlite3.connect(DATABASE, timeout=5)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS seen (reader TEXT, page TEXT)")
        return connection.execute(question, values).fetchall()


@app.get("/")
def index():
    if names.this_site() == "evil":
        shops = [names.origin(site) for site in ("careless", "shop")]
        return render_template("evil.html", shops=shops)
    me = request.cookies.get("reader", "")
    rows = database("SELECT page, count(*) FROM seen WHERE reader = ? GROUP BY page", me)
    return render_template("tracker.html", reader=me, rows=rows)


@app.get("/pixel.gif")
def pixel():
    """Note who has seen which page. The page's own address comes with the request."""
    reader = request.cookies.get("reader") or secrets.token_hex(8)
    page = request.args.get("page", request.referrer or "")[:300]
    database("INSERT INTO seen VALUES (?, ?)", reader, page)
    return picture(reader, YEAR)


@app.get("/forget.gif")
def forget():
    """A reader has taken their consent back: nothing is left of it, here or there."""
    database("DELETE FROM seen WHERE reader = ?", request.cookies.get("reader", ""))
    return picture("", 0)


@app.get("/seen.json")
def seen():
    """The pages that were noted, whoever has read them."""
    return jsonify([page for (page,) in database("SELECT page FROM seen ORDER BY rowid")])


def picture(reader, seconds):
    answer = Response(PIXEL, content_type="image/gif")
    answer.headers["Cache-Control"] = "no-store"
    # within pages of other sites, and so a third party's
    answer.set_cookie(
        "reader", reader, max_age=seconds, secure=True, httponly=True, samesite="None", path="/"
    )
    return answer
