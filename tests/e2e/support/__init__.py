"""What the end-to-end tests share: labs of their own, real clients, load."""


def ws_probe_source() -> str:
    """The text of the program that runs WebSocket cases on a machine."""
    from pathlib import Path

    return (Path(__file__).parent / "ws_probe.py").read_text(encoding="utf-8")
