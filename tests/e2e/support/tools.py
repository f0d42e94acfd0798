"""Others' checkers, as programs of this host; ``make test`` installs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labctl.setup.tools import FOLDER, VENV
from tests.e2e.support.home import run

NODE = FOLDER / "node_modules"
AXE = NODE / "axe-core" / "axe.min.js"
VNU = NODE / "vnu-jar" / "build" / "dist" / "vnu.jar"


def sslyze(targets: Iterable[str], authority: Path) -> Mapping[str, str]:
    """By target (``host:port``) what sslyze says of it and Mozilla's intermediate profile.

    The host's own resolver is not asked: names below .localhost are not known to all of them.
    """
    asked = tuple(targets)
    words = [str(VENV / "bin" / "python"), "-m", "sslyze", "--mozilla_config", "intermediate"]
    words += ["--certinfo_ca_file", str(authority), *(f"{one}{{127.0.0.1}}" for one in asked)]
    said = run(words).said
    found = re.finditer(r"(?m)^    (\S+?:\d+)(?: \([^)]*\))?: (.*(?:\n {8}\* .*)*)$", said)
    return {one[1]: one[2] for one in found if one[1] in asked}


# testssl.sh's sections: all but what clients would agree on, which is no finding and costs a third
_SECTIONS = (
    "--protocols", "--standard", "--fs", "--server-preference", "--server-defaults", "--headers",
    "--vulnerable",
)  # fmt: skip


def testssl(at: str, authority: Path, report: Path) -> list[Mapping[str, str]]:
    """What testssl.sh finds at ``host:port``: ``id``, ``severity`` and ``finding`` of each.

    It asks no name server.
    """
    words = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none"]
    words += ["--ip", "127.0.0.1", "--add-ca", str(authority), "--jsonfile", str(report)]
    words += [*_SECTIONS, f"https://{at}/"]
    ran = run(words, timeout=600)
    assert report.exists(), ran.said
    found: list[Mapping[str, str]] = json.loads(report.read_text())
    return found


# httplint's own program takes one response and 0.3 s; this one takes a file for each of many
_HTTPLINT = """
import os, sys
from argparse import Namespace
from pathlib import Path
from httplint.cli.http_parser import HttpCliParser, modes
from httplint.i18n import set_locale

for path in sys.argv[1:]:
    parser = HttpCliParser(Namespace(mode=modes.RESPONSE), os.stat(path).st_mtime)
    with set_locale("en"):
        parser.handle_input(Path(path).read_bytes())
    print("* [BAD] this is no HTTP" if parser.failed else "", "=" * 79, sep="\\n")
"""


def httplint(files: Sequence[Path]) -> list[list[str]]:
    """What httplint finds bad in each response, a file as it came over the connection."""
    ran = run([str(VENV / "bin" / "python"), "-c", _HTTPLINT, *map(str, files)])
    assert ran.status == 0, ran.said
    said = ran.out.split("=" * 79 + "\n")[:-1]
    assert [bool(re.search("(?m)^(###|.*no HTTP)", one)) for one in said] == [True] * len(files)
    return [re.findall(r"(?m)^ *\* \[BAD\] (.*)$", one) for one in said]


def invalid_html(files: Sequence[Path]) -> list[str]:
    """What the Nu HTML checker holds for errors: the file, the line and the reason."""
    if not files:
        return []
    words = ["java", "-jar", str(VNU), "--format", "json", "--exit-zero-always", "--stdout"]
    ran = run([*words, *map(str, files)])
    assert ran.status == 0, ran.said
    return [
        f"{Path(one.get('url', '')).name}:{one.get('lastLine', '')}: {one['message']}"
        for one in ran.json["messages"]
        if one["type"] != "info"
    ]


def h2load(url: str, connect: str, connections: int, requests: int) -> Mapping[str, int]:
    """What became of so many requests on so many connections at a time, by h2load's words."""
    words = ["prlimit", "--nofile=8192", "h2load", "-t", "1", "-c", str(connections)]
    words += ["-n", str(requests), f"--connect-to={connect}", url]
    ran = run(words)
    line = re.search(r"^requests: (.*)$", ran.out, re.MULTILINE)
    assert line, ran.said
    return {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", line[1])}


def wrk(url: str, host: str, connections: int, seconds: int) -> Mapping[str, int]:
    """Answers, and all that went wrong, on so many connections at a time."""
    # wrk calls an answer that takes two seconds an error: with all these at once some do
    words = ["prlimit", "--nofile=8192", "wrk", "-t", "1", "-c", str(connections)]
    words += ["--timeout", "20s"]
    ran = run([*words, "-d", f"{seconds}s", "-H", f"Host: {host}", url])
    done = re.search(r"(\d+) requests in", ran.out)
    assert done, ran.said
    errors = re.search(r"Socket errors: (.*)", ran.out)
    pairs = re.findall(r"(\w+) (\d+)", errors[1]) if errors else []
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", ran.out)
    return {
        "requests": int(done[1]),
        "refused": int(wrong[1]) if wrong else 0,
        **{word: int(count) for word, count in pairs},
    }


def axe(page: Any) -> list[str]:
    """What axe finds on a page in a browser (WCAG 2.2, levels A and AA): rule and element."""
    page.run(AXE.read_text() + "; true")
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    only = json.dumps({"runOnly": levels, "resultTypes": ["violations"], "iframes": False})
    found = page.run(f"axe.run(document, {only}).then(result => JSON.stringify(result.violations))")
    return [
        f"{one['id']}: {node['html'][:120]}" for one in json.loads(found) for node in one["nodes"]
    ]
