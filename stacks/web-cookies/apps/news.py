"""Two newspapers with advertisements: one asks first, by the CNIL's rules; the other nags.

https://www.cnil.fr/fr/cookies-et-autres-traceurs/regles/cookies
"""

import secrets

from flask import Flask, abort, redirect, render_template, request

import names

PURPOSES = {
    "measure": "count the readers of each page",
    "ads": "show advertisements that fit you (Clickbait Ltd. gets the page's address)",
}
HALF_A_YEAR = 182 * 24 * 3600  # seconds: then one may ask again, also whoever has refused
YEAR = 365 * 24 * 3600

app = Flask(__name__)
app.config.update(MAX_CONTENT_LENGTH=16 * 1024)


def consent():
    """The purposes that the reader has agreed to; None who has not answered yet."""
    said = request.cookies.get("consent")
    return None if said is None else [one for one in said.split(".") if one in PURPOSES]


@app.get("/")
@app.get("/page/<int:number>")
def article(number=1):
    return nagging(number) if names.this_site() == "nagging" else asking(number)


def asking(number):
    agreed = consent()
    answer = shown("news.html", number, agreed=agreed, ads="ads" in (agreed or ()))
    if "measure" in (agreed or ()) and "reader" not in request.cookies:
        remember(answer, "reader", secrets.token_hex(8), YEAR)
    return answer


@app.get("/cookies")
def choices():
    """Where one chooses, and takes a choice back: from every page, in one click."""
    nags = names.this_site() == "nagging"
    return shown("partners.html" if nags else "choices.html", 0, agreed=consent(), ads=nags)


@app.post("/consent")
def answered():
    """What the reader has said: all, none, or some. It holds for half a year."""
    # a consent that a page of somebody else has sent is nobody's (W3C Fetch Metadata)
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "only our own page can ask you")
    said = request.form.get("choice", "some")
    agreed = {"all": list(PURPOSES), "none": []}.get(said)
    if agreed is None:
        agreed = [one for one in PURPOSES if one in request.form.getlist("purpose")]
    answer = redirect("/?forget=1" if "ads" not in agreed and consent() else "/", 303)
    remember(answer, "consent", ".".join(agreed) or "none", HALF_A_YEAR)
    if "measure" not in agreed and "reader" in request.cookies:
        remember(answer, "reader", "", 0)
    return answer


def nagging(number):
    """Everything is set first. Then there is a question, with one answer that counts."""
    answer = shown("nagging.html", number, agreed=consent(), ads=True)
    if "reader" not in request.cookies:
        remember(answer, "reader", secrets.token_hex(8), 10 * YEAR)
    return answer


def shown(template, number, **values):
    answer = app.make_response(
        render_template(
            template,
            number=number,
            purposes=PURPOSES,
            tracker=names.origin("tracker"),
            here=f"https://{request.host}{request.path}",
            forget="forget" in request.args,
            **values,
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def remember(answer, name, value, seconds):
    answer.set_cookie(
        name, value, max_age=seconds, secure=True, httponly=True, samesite="Lax", path="/"
    )
