"""A shop whose visitors are who they say they are.

The session is a row of the store; the cookie has nothing but its number, which is chosen here and
is another one after each login. The basket is a signed cookie: read by everybody, written here.
"""

import secrets
import time

from flask import Flask, abort, redirect, render_template, request, session

from store import Store, is_user, signing_key

COOKIE = "__Host-session"
HOURS = 8 * 3600  # seconds that a session lasts here, whatever the browser thinks
PRICES = {"teapot": 25, "cup": 8}  # euros

store = Store("careful")
app = Flask(__name__)
app.secret_key = signing_key("careful")
app.config.update(
    SESSION_COOKIE_NAME="__Host-basket",
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
    MAX_CONTENT_LENGTH=16 * 1024,
)


def visitor():
    """The session that the cookie is the number of, where there is one and it is young enough."""
    number, oldest = request.cookies.get(COOKIE, ""), time.time() - HOURS
    return store.one("SELECT * FROM sessions WHERE id = ? AND begun > ?", number, oldest)


@app.get("/")
def index():
    found = visitor()
    user = found["user"] if found else ""
    orders = store.all("SELECT * FROM orders WHERE user = ? ORDER BY number", user)
    basket = session.get("basket", {})
    return render_template(
        "shop.html", title="A careful shop", user=user, token=found["token"] if found else "",
        orders=orders, basket=basket, total=sum(PRICES[what] * n for what, n in basket.items()),
        prices=PRICES, cookies=request.cookies,
    )  # fmt: skip


@app.post("/login")
def login():
    user = request.form.get("user", "")
    if not is_user(user, request.form.get("password", "")):
        abort(403, "no such user, or another password")
    # the number from before the login is nobody's any more
    store.all("DELETE FROM sessions WHERE id = ?", request.cookies.get(COOKIE, ""))
    number, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    store.all("INSERT INTO sessions VALUES (?, ?, ?, ?)", number, user, token, time.time())
    answer = redirect("/", 303)
    answer.set_cookie(COOKIE, number, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


@app.post("/order")
def order():
    found = visitor()
    if not found:
        abort(403, "log in first")
    # only a page of this shop knows the token: a form on another site cannot send it
    if not secrets.compare_digest(found["token"].encode(), request.form.get("token", "").encode()):
        abort(403, "this form does not come from our page")
    what = request.form.get("what", "")[:100]
    store.all("INSERT INTO orders (user, what) VALUES (?, ?)", found["user"], what)
    return redirect("/", 303)


@app.post("/basket")
def basket():
    what = request.form.get("what", "")
    if what not in PRICES:
        abort(400, "we do not sell that")
    kept = session.get("basket", {})
    session["basket"] = {**kept, what: kept.get(what, 0) + 1}
    return redirect("/", 303)


@app.post("/logout")
def logout():
    store.all("DELETE FROM sessions WHERE id = ?", request.cookies.get(COOKIE, ""))
    answer = redirect("/", 303)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return answer
