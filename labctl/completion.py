"""Completion scripts for shells, made from the verbs' own argument parsers.

What only a running labctl knows (labs, machines) is asked for while typing; such words are
compared and quoted, never evaluated.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

SHELLS = ("bash", "zsh", "fish")
_DYNAMIC = {
    "LAB": "labs",
    "CLASS": "classes",
    "MACHINE": "machines",
    "FILE": "files",
    "FOLDER": "files",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its spellings, its help, and what its value is ("" where it takes none).

    ``words`` are the values where they are a fixed choice.
    """

    names: tuple[str, ...]
    help: str
    value: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A verb, or a verb and its action: its options, and what stands in each place.

    A place is ``labs``, ``machines``, ``files`` or "" for free text; ``actions`` are the words
    that follow a verb which has some.
    """

    words: tuple[str, ...]
    help: str
    options: tuple[Option, ...] = ()
    places: tuple[str, ...] = ()
    repeats: bool = False
    actions: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()


def commands(parsers: Mapping[str, argparse.ArgumentParser]) -> tuple[Command, ...]:
    """All commands, from the verbs' parsers."""
    return tuple(c for verb, parser in parsers.items() for c in _commands((verb,), parser, ""))


def _commands(
    words: tuple[str, ...], parser: argparse.ArgumentParser, help_text: str
) -> Iterable[Command]:
    # argparse has no public way to ask a parser what it takes
    actions = parser._actions
    nested = next((a for a in actions if isinstance(a, argparse._SubParsersAction)), None)
    places = [a for a in actions if not a.option_strings and a is not nested]
    helps = {a.dest: a.help or "" for a in nested._choices_actions} if nested else {}
    yield Command(
        words,
        help_text or (parser.description or "").rstrip("."),
        tuple(_option(a) for a in actions if a.option_strings and a.help != argparse.SUPPRESS),
        tuple(place for a in places for place in _places(a)),
        any(a.nargs in ("*", "+") and len(_places(a)) == 1 for a in places),
        helps,
        tuple(str(choice) for a in places for choice in a.choices or ()),
    )
    if nested:
        for name, inner in nested.choices.items():
            yield from _commands((*words, name), inner, helps[name])


def _places(action: argparse.Action) -> tuple[str, ...]:
    """What stands where: a metavar may name several words, ``[LAB] MACHINE -- COMMAND``."""
    words = str(action.metavar).partition(" -- ")[0].split()
    return tuple(_DYNAMIC.get(word.strip("[]"), "") for word in words)


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    return Option(
        tuple(action.option_strings),
        (action.help or "").replace("%%", "%"),
        (_DYNAMIC.get(str(action.metavar)) or "text") if takes else "",
        tuple(str(choice) for choice in action.choices or ()),
    )


def script(shell: str, found: Iterable[Command]) -> str:
    """The script for one of `SHELLS`."""
    writers: Mapping[str, Callable[[tuple[Command, ...]], str]]
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return writers[shell](tuple(found))


_ENGINE = r"""
# Offers those lines of standard input that begin with what is typed.
_labctl_offer() {
    local word
    while IFS= read -r word; do
        if [[ -n $word && $word == "$_labctl_typed"* ]]; then
            COMPREPLY+=("$(printf '%q' "$word")")
        fi
    done
}

# The same of words with spaces or commas between them.
_labctl_words() {
    _labctl_offer < <(printf '%s' "$1" | tr ' ,' '\n\n'; echo)
}

_labctl_complete() {
    local _labctl_typed=${COMP_WORDS[COMP_CWORD]}
    local command="" options="" valued="" actions="" choices="" repeats="" lab="" previous=""
    local -a places=() given=()
    local word number
    COMPREPLY=()
    _labctl_command ""
    for ((number = 1; number < COMP_CWORD; number++)); do
        word=${COMP_WORDS[number]}
        if [[ -n $actions && $word != -* ]]; then
            command="${command:+$command }$word" actions=""
            _labctl_command "$command"
        elif [[ $word != -* && " $valued " != *" $previous="* ]]; then
            given+=("$word")
        fi
        previous=$word
    done
    if [[ " $valued " == *" $previous="* ]]; then
        word=${valued#*"$previous="}
        _labctl_kind "${word%% *}"
    elif [[ $_labctl_typed == -* ]]; then
        _labctl_words "$options"
    elif [[ -n $actions || ( -n $choices && ${#given[@]} -eq 0 ) ]]; then
        _labctl_words "$actions $choices"
    else
        local place=${#given[@]}
        if [[ -n $repeats && place -ge ${#places[@]} ]]; then place=$((${#places[@]} - 1)); fi
        lab=${given[0]-}
        _labctl_kind "${places[place]-}"
    fi
}

# Offers what a place takes: labs, machines of the lab given before, files, or fixed words.
_labctl_kind() {
    case $1 in
    labs) _labctl_offer < <(command labctl list --names 2>/dev/null) ;;
    classes) _labctl_offer < <(command labctl class list --names 2>/dev/null) ;;
    machines) _labctl_offer < <(command labctl list --machines "$lab" 2>/dev/null) ;;
    files) compopt -o default 2>/dev/null || true ;;
    text | "") ;;
    *) _labctl_words "$1" ;;
    esac
}
"""


def _bash(found: tuple[Command, ...]) -> str:
    return (
        "# bash completion for labctl: `source <(labctl completion bash)`\n"
        f"{_table(found)}{_ENGINE}\ncomplete -F _labctl_complete labctl\n"
    )


def _table(found: tuple[Command, ...]) -> str:
    """A function that sets what one command takes."""
    verbs = " ".join(dict.fromkeys(command.words[0] for command in found))
    lines = [
        "",
        "# Sets what a command takes: its options, those with a value, its places.",
        "_labctl_command() {",
        '    options="" valued="" choices="" repeats="" places=()',
        "    case $1 in",
        f"    \"\") options='-h --help --version' actions={shlex.quote(verbs)} ;;",
    ]
    for command in found:
        lines += [f"    {shlex.quote(' '.join(command.words))})", *_settings(command), "        ;;"]
    return "\n".join([*lines, "    esac", "}", ""])


def _settings(command: Command) -> Iterable[str]:
    settings = {
        "options": [name for option in command.options for name in option.names],
        "valued": [text for option in command.options for text in _valued(option)],
        "actions": list(command.actions),
        "choices": list(command.choices),
        "repeats": ["yes"] if command.repeats else [],
    }
    for name, words in settings.items():
        if words:
            yield f"        {name}={shlex.quote(' '.join(words))}"
    if command.places:
        yield f"        places=({' '.join(place or 'text' for place in command.places)})"


def _valued(option: Option) -> Iterable[str]:
    """``--store=system,nss`` for a fixed choice, else ``--out=files``."""
    if option.value:
        yield from (f"{name}={','.join(option.words) or option.value}" for name in option.names)


def _zsh(found: tuple[Command, ...]) -> str:
    return (
        "#compdef labctl\n"
        "# zsh completion for labctl: `source <(labctl completion zsh)` after compinit\n"
        f"autoload -Uz bashcompinit && bashcompinit\n{_table(found)}{_ENGINE}\n"
        "complete -F _labctl_complete labctl\n"
    )


_FISH_HEAD = r"""# fish completion for labctl: labctl completion fish | source
complete -c labctl -f

# The words typed so far that are no options.
function __labctl_words
    string match --invert --regex '^-' -- (commandline -opc)[2..-1]
end

# Whether the words begin with these.
function __labctl_is
    set -l words (__labctl_words)
    test (count $words) -ge (count $argv); or return 1
    test "$words[1..$(count $argv)]" = "$argv"
end

# The machines of the lab that is the first word after the verb.
function __labctl_machines
    command labctl list --machines (__labctl_words)[2] 2>/dev/null
end

# Whether exactly so many words are there.
function __labctl_count
    test (count (__labctl_words)) -eq $argv[1]
end
"""
_FISH_WORDS = {
    "labs": "(command labctl list --names 2>/dev/null)",
    "classes": "(command labctl class list --names 2>/dev/null)",
    "machines": "(__labctl_machines)",
}


def _fish(found: tuple[Command, ...]) -> str:
    lines = [_FISH_HEAD]
    for command in found:
        if len(command.words) == 1:
            lines.append(_fish_line("__labctl_count 0", command.words[0], command.help))
        lines += _fish_command(command)
    return "\n".join(lines) + "\n"


def _fish_command(command: Command) -> Iterable[str]:
    at = f"__labctl_is {' '.join(command.words)}"
    depth = len(command.words)
    for action, said in command.actions.items():
        yield _fish_line(f"{at}; and __labctl_count {depth}", action, said)
    for option in command.options:
        yield _fish_option(at, option)
    for number, place in enumerate(command.places):
        compare = f"test (count (__labctl_words)) -ge {depth + number}"
        there = compare if command.repeats else f"__labctl_count {depth + number}"
        if place == "files":
            yield f"complete -c labctl -n {_fish_quoted(f'{at}; and {there}')} -F"
        elif place or command.choices:
            yield _fish_line(
                f"{at}; and {there}", _FISH_WORDS.get(place) or " ".join(command.choices)
            )


def _fish_option(at: str, option: Option) -> str:
    words = [f"complete -c labctl -n {_fish_quoted(at)}"]
    words += [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names]
    if option.value == "files":
        words.append("-r -F")
    elif option.value:
        values = " ".join(option.words) or _FISH_WORDS.get(option.value, "")
        words.append("-x" + (f" -a {_fish_quoted(values)}" if values else ""))
    return " ".join([*words, f"-d {_fish_quoted(option.help)}"])


def _fish_line(condition: str, words: str, said: str = "") -> str:
    described = f" -d {_fish_quoted(said)}" if said else ""
    return f"complete -c labctl -n {_fish_quoted(condition)} -a {_fish_quoted(words)}{described}"


def _fish_quoted(text: str) -> str:
    """Quoted for fish: in single quotes only backslash and quote are special."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
