"""Apache's configuration language, read far enough to say which lines decide something.

Directives and sections with their files and lines, includes followed (httpd.apache.org:
"Configuration Files"). Names of directives are in lower case. Nothing is judged here: that is
for ``apachectl configtest``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping

from labctl.explain.nginx_syntax import MAX_INCLUDES, Directive, SyntaxRefused

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)')
_INCLUDES = ("include", "includeoptional")


def parse(files: Mapping[str, str], file: str, depth: int = 0) -> list[Directive]:
    """The directives of ``file``, with those of the files that it includes in their place.

    ``files`` are texts by absolute path; an include of others (Debian's own) is left out.
    SyntaxRefused where a section is not closed, or closed twice.
    """
    stack: list[Directive] = [Directive((), file, 0, [])]
    for number, line in _lines(files[file]):
        top = stack[-1]
        assert top.block is not None
        if line.startswith("</"):
            if len(stack) == 1 or line[2:].rstrip("> ").lower() != top.name:
                raise SyntaxRefused(f"{file}:{number}: {line} closes nothing that is open")
            stack.pop()
        elif line.startswith("<"):
            section = Directive(_words(line[1:].removesuffix(">")), file, number, [])
            top.block.append(section)
            stack.append(section)
        else:
            top.block += _read(files, Directive(_words(line), file, number), depth)
    if len(stack) > 1:
        raise SyntaxRefused(f"{file}:{stack[-1].line}: <{stack[-1].name}> is not closed")
    return stack[0].block or []


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, by the number where each begins: one ends in no backslash."""
    whole, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if whole else number
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        if whole and not whole.startswith("#"):
            yield start, whole
        whole = ""


def _words(line: str) -> tuple[str, ...]:
    found = [
        next((part for part in m.groups() if part is not None), "") for m in _WORD.finditer(line)
    ]
    return (found[0].lower(), *found[1:]) if found else ("",)


def _read(files: Mapping[str, str], directive: Directive, depth: int) -> list[Directive]:
    """The directive, or for an include what it includes, in the order of the file names."""
    if directive.name not in _INCLUDES or len(directive.words) != 2:
        return [directive]
    if depth >= MAX_INCLUDES:
        raise SyntaxRefused(f"{directive.file}:{directive.line}: includes nested too deep")
    pattern = directive.words[1]
    pattern = pattern if pattern.startswith("/") else f"/etc/apache2/{pattern}"
    named = sorted(path for path in files if fnmatch.fnmatchcase(path, pattern))
    return [found for path in named for found in parse(files, path, depth + 1)]
