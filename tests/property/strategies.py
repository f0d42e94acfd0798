"""Labs by chance: valid ones, hostile ones, and valid ones with something hostile put in."""

from __future__ import annotations

import copy
import json
import string
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

MARKER = "$(touch /tmp/pwn);{{7*7}}"
HOSTILE = (
    MARKER,
    "`id`",
    "${HOME}$host",
    "a; return 200 'x'; #",
    "}\nserver { listen 81; }",
    "'\"\\",
    '"; include /etc/shadow; "',
    "| /bin/sh",
    "{% import 'os' %}{{ self }}",
    "%{user}%h\\n",
    "../../../etc/passwd",
    "/etc/passwd",
    "-rf",
    "--option=x",
    "\x00\x1b[31m\x7f",
    "\u202egnp.exe\u2028\u0085",
    "é☃\U0001f600",
    "a" * 5000,
    "",
    "~",
    "null",
    "yes",
    "0777",
    "1e999",
    "*alias",
    "&anchor",
    "!!python/object/apply:os.system [id]",
    "<<",
    "- a\n- b",
    "$INCLUDE /etc/passwd",
    "@ IN A 1.2.3.4 ( ;",
    "a@b@c",
    "xn--",
    "198.18.0.0/8",
)
FOLDERS = {
    "static": {"page": {"index.html": "<p>page", "a b/c+d@e.txt": MARKER, "404.html": "gone"}},
    "cgi": {"forms": {"index.html": "<p>", "cgi-bin/a.sh": "#!/bin/sh\n", "cgi-bin/b.cpp": ""}},
    "wsgi": {"app": {"app.py": "app = None\n", "static/x.js": MARKER}},
    "websocket": {"chat": {"chat.py": "", "page/index.html": "<p>"}},
    "program": {"hand": {"server.py": ""}},
    "node": {"desk": {"server.js": "", "node_modules/a b.js": MARKER}},
    "php": {"shop": {"public/index.php": "<?php", "public/a b/c+d@e.txt": MARKER}},
}
PROGRAMS = ("wsgi", "websocket", "program", "node", "php")  # they have an environment
IMPLIED = ("front", "dns", "resolver", "client")
TAKEN = ("ns", "hosts", "inspect")


def write_content(folder: Path) -> None:
    """The folders that valid labs name."""
    for folders in FOLDERS.values():
        for name, files in folders.items():
            for path, text in files.items():
                file = folder / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)


def as_yaml(document: Any) -> bytes:
    """A document as a lab file: JSON, which YAML includes."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


names = st.from_regex(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,30}", fullmatch=True).filter(
    lambda name: name not in (*IMPLIED, *TAKEN)
)
labels = st.one_of(
    names,
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", fullmatch=True).filter(
        lambda label: "--" not in label and not label.isdigit()
    ),
    st.sampled_from(("bücher", "日本語", "пример", "WWW", "00-default", "apex", "ελλάδα")),
).filter(lambda label: label not in TAKEN)
lines = st.one_of(
    st.sampled_from([text for text in HOSTILE if text.isprintable() and len(text) < 100]),
    st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=60),
)
locals_ = st.from_regex(r"[a-z0-9_+][a-z0-9_+-]{0,12}(?:\.[a-z0-9_+-]{1,8})?", fullmatch=True)
domains = st.sampled_from(("lab.test", "course.example", "a.b.internal", "x.home.arpa"))


@st.composite
def services(draw: st.DrawFn, kind: str) -> Document:
    """A service of one kind with some of its options."""
    found: Document = {"kind": kind}
    if kind in FOLDERS:
        found["content"] = next(iter(FOLDERS[kind]))
    if kind in PROGRAMS:
        keys = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True)
        found["environment"] = draw(st.dictionaries(keys, lines, max_size=3))
    if draw(st.booleans()):
        found |= {"memory": draw(st.sampled_from(("64M", "1G"))), "cpus": 0.5, "processes": 50}
    return found


@st.composite
def mail(draw: st.DrawFn) -> Document:
    """A mail service: users, aliases that lead to them and elsewhere."""
    users = draw(st.lists(locals_, min_size=1, max_size=4, unique=True))
    others = draw(st.lists(locals_.filter(lambda x: x not in users), max_size=3, unique=True))
    receivers = st.one_of(st.sampled_from(users), st.just("someone@elsewhere.example"))
    aliases = {name: draw(st.lists(receivers, min_size=1, max_size=3)) for name in others}
    return {"kind": "mail", "users": users, "aliases": aliases}


@st.composite
def records(draw: st.DrawFn) -> Document:
    """The name server with records of the lab's own."""
    text = draw(st.lists(lines, min_size=1, max_size=3))
    owner = draw(st.sampled_from(("@", "own", "_x._tcp.own", "*.wild")))
    own = {owner: {"TXT": text}, "more.own": {"A": "198.18.7.9", "MX": ["10 ns"]}}
    return {"kind": "dns", "ttl": draw(st.integers(0, 86400)), "records": own}


@st.composite
def labs(draw: st.DrawFn) -> Document:
    """A valid lab."""
    kinds = draw(st.lists(st.sampled_from(sorted(FOLDERS)), max_size=5))
    called = draw(st.lists(names, min_size=len(kinds), max_size=len(kinds), unique=True))
    web = {name: draw(services(kind)) for name, kind in zip(called, kinds, strict=True)}
    answered_by_nginx = [name for name in web if web[name]["kind"] in ("static", "cgi")]
    for name in answered_by_nginx:
        if draw(st.booleans()):
            web[name]["machine"] = draw(st.sampled_from(("shared", "front")))
    found: Document = {"lab": draw(names), "title": draw(lines), "services": dict(web)}
    if "cgi" not in kinds:  # which nginx answers
        found["services"]["front"] = {"server": draw(st.sampled_from(("nginx", "apache")))}
    if draw(st.booleans()):
        found["services"]["postbox"] = draw(mail())
        found["expose"] = [{"service": "postbox", "port": 25, "host": 2525}]
    if draw(st.booleans()):
        found["services"]["dns"] = draw(records())
    if draw(st.booleans()):
        found["domain"] = draw(domains)
    if web:
        found["sites"] = draw(sites(sorted(web)))
        if found["services"].get("front", {}).get("server") != "apache":
            draw(of_nginx(found["sites"]))
    return found


@st.composite
def of_nginx(draw: st.DrawFn, found: Document) -> None:
    """What only a front that is nginx does for its sites: record them, and ask who comes."""
    for site in found.values():
        if not {"port", "own-address"} & site.keys() and draw(st.booleans()):
            site["inspect"] = True
        if site["tls"] != "none" and site["http"] != "serve" and draw(st.booleans()):
            site["clients"] = ["ann", "b-o-b"]


@st.composite
def sites(draw: st.DrawFn, web: list[str]) -> Document:
    """Sites of these services, no name twice."""
    folded = st.lists(labels, max_size=6, unique_by=str.lower)
    free = [label for label in draw(folded) if label not in ("own", "postbox")]
    found: Document = {}
    for label in free:
        found[label] = {
            "service": draw(st.sampled_from(web)),
            "tls": draw(st.sampled_from(("ca", "self-signed", "none"))),
            "http": draw(st.sampled_from(("redirect", "serve", "refuse"))),
        }
    if len(found) > 1 and draw(st.booleans()):  # no host has the own address of another site
        found[free[-1]]["port"] = 8888
    if found and draw(st.booleans()):
        found[free[0]]["own-address"] = True
    if found and draw(st.integers(0, 3)) == 0:
        found[free[-1]]["party"] = draw(st.sampled_from(("ads", "x")))
    apex: bool = draw(st.booleans())
    if found and apex:
        next(iter(found.values()))["names"] = ["@"]
    return found


def scalars() -> st.SearchStrategy[Any]:
    """Values of any type, most of them hostile."""
    return st.one_of(
        st.sampled_from(HOSTILE),
        st.text(max_size=40),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
    )


trees = st.recursive(
    scalars(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=10)), inner),
    ),
    max_leaves=12,
)
words = st.text(string.ascii_lowercase, max_size=8)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid lab of which some values are replaced, removed, renamed or joined by others."""
    document = copy.deepcopy(draw(labs()))
    for _ in range(draw(st.integers(1, 4))):
        _mutate(draw, document)
    return document


def _mutate(draw: st.DrawFn, document: Any) -> None:
    node = document
    while True:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3)):
            node = node[key]
            continue
        break
    how = draw(st.sampled_from(("replace", "replace", "remove", "rename", "add")))
    if how == "replace":
        node[key] = draw(st.one_of(scalars(), trees))
    elif how == "remove":
        del node[key]
    elif isinstance(node, dict):
        new = draw(st.one_of(st.sampled_from(HOSTILE), words))
        node[new] = node.pop(key) if how == "rename" else draw(trees)
