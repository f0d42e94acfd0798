"""Names: DNS host names (RFC 1123, RFC 5891) and mail local parts (RFC 5321)."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# of the characters RFC 5321 allows, those that mean something to a shell, to a pipe or to
# routing (RFC 5321 appendix F.2) are left out: no mailbox of a lab needs them
_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")


def host_label_problem(text: str, absolute: bool = False) -> tuple[str, str]:
    """A host name in its ASCII form, and what is wrong with it ("" when nothing is)."""
    if text == "@" and not absolute:
        return "@", ""
    try:
        ascii_form = to_ascii(text)
    except ValueError as error:
        return "", str(error)
    labels = ascii_form.split(".")
    for label in labels:
        if not label:
            return "", "a label is empty"
        if len(label) > 63:
            return "", f"a label has {len(label)} characters, at most 63 fit"
        if not _LABEL.fullmatch(label):
            return "", "a label has a character that host names do not have"
    if len(ascii_form) > 200:
        return "", f"{len(ascii_form)} characters, at most 200 fit"
    if labels[-1].isdigit():
        return "", "the last label is a number, as in an address"
    return ascii_form, ""


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
        raise ValueError(str(error)) from None


def mail_local_problem(text: str) -> str:
    """What is wrong with a local part ("" when nothing is)."""
    if not text:
        return "it is empty"
    if len(text) > 64:
        return f"{len(text)} characters, at most 64 fit"
    if not _LOCAL.fullmatch(text):
        return "lower-case letters, digits and . _ + - are taken"
    return ""
