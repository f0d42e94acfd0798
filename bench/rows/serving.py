"""What the front costs: requests and messages through it, beside the same without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bench.generator import Generator, plain_nginx
from bench.load_lab import PAGE, LoadLab
from bench.measure import Row, at_least, interleaved, ratio

SITES = ("pages", "www", "app", "chat")


def rows(load: LoadLab, rounds: int) -> Iterable[Row]:
    """The rows about ``load``, a load lab that is up."""
    lab, addresses = load.lab, load.lab.addresses()
    plain = plain_nginx(lab, load.folder / "www", load.leaf())
    plain.reload()
    address = plain.attrs["NetworkSettings"]["Networks"][lab.network()]["IPAddress"]
    hosts = {f"{site}.{lab.domain}": addresses["front"] for site in SITES}
    made = Generator(lab, hosts | {"plain.test": address})
    front = Through(made, lab.domain)
    yield from static(front, rounds)
    yield applications(front, addresses["app"], rounds)
    yield messages(front, addresses, rounds)
    yield proxied(front, addresses["www"], rounds)
    plain.remove(force=True)
    made.container.remove(force=True)


class Through:
    """Asks sites through the front, and servers directly."""

    def __init__(self, made: Generator, domain: str) -> None:
        self.generator = made
        self.domain = domain

    def site(self, name: str, path: str, scheme: str = "http") -> Callable[[], float]:
        url = f"{scheme}://{name}.{self.domain}{path}"
        return lambda: self.generator.requests(url)

    def direct(self, url: str, site: str = "") -> Callable[[], float]:
        host = f"{site}.{self.domain}" if site else ""
        return lambda: self.generator.requests(url, host)


def compared(
    what: str, bar: float, ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> Row:
    """A row with the ratio of two rates, ours over theirs."""
    mine, other = interleaved(rounds, [ours, theirs])
    note = f"{mine.median:,.0f} against {other.median:,.0f} a second"
    return at_least(what, ratio(mine, other), bar, note)


def static(front: Through, rounds: int) -> Iterable[Row]:
    """A file that the front serves itself, beside Debian's nginx as Debian configures it."""
    for scheme in ("http", "https"):
        ours, theirs = (
            front.site("pages", PAGE, scheme),
            front.direct(f"{scheme}://plain.test{PAGE}"),
        )
        what = f"static file from the front against a plain nginx, {scheme.upper()}"
        yield compared(what, 1.0, ours, theirs, rounds)


def applications(front: Through, address: str, rounds: int) -> Row:
    """Flask under gunicorn."""
    direct = front.direct(f"http://{address}:8000/", "app")
    what = "WSGI through the front against gunicorn direct"
    return compared(what, 0.85, front.site("app", "/"), direct, rounds)


def messages(front: Through, addresses: dict[str, str], rounds: int) -> Row:
    """Chat messages, 16 said at once, the next 16 when those have come back."""
    name = f"chat.{front.domain}"
    what = "WebSocket messages through the front against direct"
    return compared(
        what,
        0.85,
        lambda: front.generator.messages(addresses["front"], 80, name),
        lambda: front.generator.messages(addresses["chat"], 8000, name),
        rounds,
    )


def proxied(front: Through, address: str, rounds: int) -> Row:
    """A file on another machine, over the front's kept connections to it."""
    direct = front.direct(f"http://{address}{PAGE}", "www")
    what = "static site on another machine, proxied, against direct"
    return compared(what, 0.45, front.site("www", PAGE), direct, rounds)
