"""Names: DNS host names (RFC 1123, RFC 5891) and mail local parts (RFC 5321)."""

from __future__ import annotations

import re

from labctl.spec.problems import printable

# of the characters RFC 5321 allows, those that mean something to a shell, to a pipe or to
# routing (RFC 5321 appendix F.2) are left out: no mailbox of a lab needs them
_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")


def host_label_problem(text: str, absolute: bool = False) -> tuple[str, str]:
    """A host name in its ASCII form, and what is wrong with it ("" when nothing is)."""
    if text == "@" and not absolute:
        return "@", ""
    problem = next(filter(None, map(_edge_problem, text.split("."))), "")
    if problem:
        return "", problem
    try:
        ascii_form = to_ascii(text)
    except ValueError as error:
        return "", str(error)
    labels = ascii_form.split(".")
    problem = next(filter(None, map(_label_problem, labels)), "")
    if not problem and len(ascii_form) > 200:
        problem = f"{len(ascii_form)} characters, at most 200 fit"
    if not problem and labels[-1].isdigit():
        problem = "the last label is a number, as in an address"
    return ("", problem) if problem else (ascii_form, "")


def _edge_problem(label: str) -> str:
    """What is wrong with a label of any script at its start or end."""
    if not label:
        return "a label is empty"
    edges = label[0] == "-" or label[-1] == "-"
    return "a label starts or ends with a hyphen" if edges else ""


def _label_problem(label: str) -> str:
    """What is wrong with a label in ASCII."""
    strange = re.search(r"[^a-z0-9-]", label)
    if strange:
        character = printable(strange[0])
        return "it has a space" if character == " " else f"it has the character {character}"
    if len(label) > 63:
        return f"a label has {len(label)} characters, at most 63 fit"
    return _edge_problem(label)


def to_ascii(text: str) -> str:
    """The ASCII form of a host name; ValueError with the reason where there is none."""
    if text.isascii():
        name = text.lower()
        if not any(label.startswith("xn--") for label in name.split(".")):
            return name
    import idna

    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(_idna_reason(error)) from None


def _idna_reason(error: Exception) -> str:
    """What the idna library says, in our words: the character or the rule of RFC 5891."""
    text = str(error)
    if character := re.search(r"U\+[0-9A-F]+", text):
        return f"the character {character[0]} is not taken in names"
    return text.partition(" in '")[0]


def mail_local_problem(text: str) -> str:
    """What is wrong with a local part ("" when nothing is)."""
    if not text:
        return "it is empty"
    if len(text) > 64:
        return f"{len(text)} characters, at most 64 fit"
    if not _LOCAL.fullmatch(text):
        if _LOCAL.fullmatch(text.replace(".", "")):
            return "a dot at its start, at its end or beside another"
        return "lower-case letters, digits and . _ + - are taken"
    return ""
