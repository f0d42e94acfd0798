"""A shop that believes whatever comes.

The session is a row of the store, under any number that a visitor brings along. The basket, prices
included, is a cookie that nobody has signed.
"""

import base64
import json
import secrets
import time

from flask import Flask, abort, redirect, render_template, request

from store import Store, is_user

COOKIE = "session"
PRICES = {"teapot": 25, "cup": 8}  # euros

store = Store("careless")
app = Flask(__name__)
app.config.update(MAX_CONTENT_LENGTH=16 * 1024)


def visitor():
    """The session that the cookie is the number of."""
    number = request.cookies.get(COOKIE, "")
    return store.one("SELECT * FROM sessions WHERE id = ?", number)


@app.get("/")
def index():
    found = visitor()
    user = found["user"] if found else ""
    orders = store.all("SELECT * FROM orders WHERE user = ? ORDER BY number", user)
    kept = basket_of(request.cookies.get("basket", ""))
    answer = app.make_response(render_template(
        "shop.html", title="A careless shop", user=user, token="",
        orders=orders, basket={what: n for what, (n, _) in kept.items()},
        total=sum(n * price for n, price in kept.values()),
        prices=PRICES, cookies=request.cookies,
    ))  # fmt: skip
    # a link may bring the number of a session along, for browsers that take no cookies
    if "session" in request.args:
        remember(answer, request.args["session"])
    return answer


@app.post("/login")
def login():
    user = request.form.get("user", "")
    if not is_user(user, request.form.get("password", "")):
        abort(403, "no such user, or another password")
    number = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
    store.all("REPLACE INTO sessions VALUES (?, ?, '', ?)", number, user, time.time())
    answer = redirect("/", 303)
    remember(answer, number)
    return answer


def remember(answer, number):
    answer.set_cookie(COOKIE, number, secure=True, samesite="None", path="/")


@app.post("/order")
def order():
    found = visitor()
    if not found:
        abort(403, "log in first")
    what = request.form.get("what", "")[:100]
    store.all("INSERT INTO orders (user, what) VALUES (?, ?)", found["user"], what)
    return redirect("/", 303)


@app.post("/basket")
def basket():
    what = request.form.get("what", "")
    if what not in PRICES:
        abort(400, "we do not sell that")
    kept = basket_of(request.cookies.get("basket", ""))
    kept[what] = [kept.get(what, [0])[0] + 1, PRICES[what]]
    answer = redirect("/", 303)
    answer.set_cookie("basket", base64.urlsafe_b64encode(json.dumps(kept).encode()).decode())
    return answer


def basket_of(cookie):
    """What and how many at which price, as the cookie says."""
    try:
        said = json.loads(base64.urlsafe_b64decode(cookie))
        return {str(what): [int(n), int(price)] for what, (n, price) in said.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


@app.post("/logout")
def logout():
    answer = redirect("/", 303)
    answer.delete_cookie(COOKIE, secure=True, samesite="None", path="/")
    return answer
