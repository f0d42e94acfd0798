"""Each attribute of a cookie: a page that sets it, and pages that show whether it came back.

Set-Cookie is written by hand here, line by line as in draft-ietf-httpbis-rfc6265bis: Flask's
set_cookie would refuse to send what browsers have to refuse to take.
"""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from flask import Flask, Response, abort, jsonify, render_template, request

import names

app = Flask(__name__)

# name → the cookie's name, its attributes, and what there is to see
RECIPES = {
    "plain": ("plain", "Path=/", "no attribute but the path: until the browser is closed"),
    "expires": ("expires", "Path=/; Expires={soon}", "until a date: one minute from now"),
    "max-age": ("max-age", "Path=/; Max-Age=30", "for 30 seconds, whatever the clock says"),
    "domain": ("domain", "Path=/; Domain={domain}", "for all hosts below that domain"),
    "foreign": ("foreign", "Path=/; Domain={other}", "for somebody else's domain: refused"),
    "path": ("path", "Path=/deep/", "only below /deep/"),
    "secure": ("secure", "Path=/; Secure", "only over HTTPS"),
    "httponly": ("httponly", "Path=/; HttpOnly", "not for scripts of the page"),
    "strict": ("strict", "Path=/; SameSite=Strict", "only where a page of this site asks"),
    "lax": ("lax", "Path=/; SameSite=Lax", "also where a link from elsewhere leads here"),
    "none": ("none", "Path=/; SameSite=None; Secure", "also within pages of other sites"),
    "none-wrong": ("none-wrong", "Path=/; SameSite=None", "the same without Secure: refused"),
    "host": ("__Host-good", "Path=/; Secure", "a name that says: this host alone, over HTTPS"),
    "host-wrong": (
        "__Host-wrong",
        "Path=/; Secure; Domain={domain}",
        "the same name with a Domain: refused",
    ),
    "partitioned": (
        "__Host-partitioned",
        "Path=/; Secure; SameSite=None; Partitioned",
        "another one for each site in whose pages it is set",
    ),
    "tossed": (
        "session",
        "Path=/; Domain={domain}",
        "the name of somebody else's cookie, for all hosts of the domain",
    ),
}


def line(name):
    """The value of Set-Cookie."""
    cookie, attributes, _ = RECIPES[name]
    own, other = (domain.partition(":")[0] for domain in names.domains())
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=1), usegmt=True)
    return f"{cookie}=by-{names.this_site()}; " + attributes.format(
        domain=own, other=other, soon=soon
    )


def lines():
    return {name: (line(name), recipe[2]) for name, recipe in RECIPES.items()}


@app.get("/")
def index():
    return page("attributes.html", recipes=lines())


@app.get("/set/<name>")
def set_cookie(name):
    if name not in RECIPES:
        abort(404)
    answer = page("set.html", line=line(name), why=RECIPES[name][2])
    answer.headers.add("Set-Cookie", line(name))
    return answer


@app.get("/forget")
def forget():
    """Take all of them away: each by its name, its domain and its path."""
    answer = page("set.html", line="… Max-Age=0", why="every cookie of this lab, with Max-Age=0")
    for name in RECIPES:
        answer.headers.add("Set-Cookie", f"{line(name)}; Max-Age=0")
    return answer


@app.route("/back", methods=["GET", "POST"])
@app.get("/deep/back", endpoint="deep")
def back():
    return page("back.html", cookies=sorted(request.cookies.items()), method=request.method)


@app.get("/back.txt")
@app.get("/deep/back.txt", endpoint="deep_text")
def back_text():
    return sent("".join(f"{name}\n" for name in sorted(request.cookies)))


@app.get("/back.json")
def back_json():
    answer = jsonify(dict(request.cookies))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@app.get("/frame")
def frame():
    """A page of this site around one of another, and ways that lead there."""
    at = "www" if names.this_site() == "other" else "other"
    return page("frame.html", at=names.origin(at), shown=at)


def page(template, **values):
    sites = {site: names.origin(site) for site in ("www", "sub", "other")}
    return sent(render_template(template, sites=sites, **values), "text/html")


def sent(body, kind="text/plain"):
    """An answer that no cache keeps: it is about this one request."""
    answer = Response(body, content_type=f"{kind}; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    return answer
