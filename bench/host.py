"""The machine that the figures come from, in words."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path


def description() -> dict[str, str]:
    """Processor, memory, kernel, system and engine, each as one line."""
    memory = _search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo"))
    model = _search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo"))
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Processor": f"{model or platform.machine()}, {os.cpu_count()} cores",
        "Memory": f"{int(memory or 0) / 2**20:.1f} GiB",
        "System": f"{platform.freedesktop_os_release().get('PRETTY_NAME', '?')}, "
        f"Linux {platform.release()}",
        "Docker": _output("docker", "version", "--format", "{{.Server.Version}}"),
        "Compose": _output("docker", "compose", "version", "--short"),
        "Python": platform.python_version(),
        "Other containers running": str(len(_output("docker", "ps", "-q").split())),
        "Load before (1, 5, 15 min)": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def lines() -> Iterable[str]:
    """The description as a Markdown table."""
    yield from ("| | |", "|---|---|")
    for what, text in description().items():
        yield f"| {what} | {text} |"


def _search(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    return found[1] if found else ""


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
