"""A lab to load: lab1's static site, application and chat, and pages on the front itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from bench.workspace import ROOT, Workspace

PAGE = "/index.html"
_LAB = """\
lab: {name}
services:
  pages: {{kind: static, machine: front, content: www}}
  www: static
  app: wsgi
  chat: websocket
sites:
  pages: {{service: pages, http: serve, config: pages.conf}}
  www: {{service: www, http: serve}}
  app: {{service: app, http: serve}}
  chat: {{service: chat, http: serve}}
"""


class LoadLab:
    """The lab, generated in the workspace; ``up`` starts it."""

    def __init__(self, workspace: Workspace) -> None:
        name = "benchload"
        self.folder = workspace.folder / "load"
        self.folder.mkdir()
        for content in ("www", "app", "chat"):
            shutil.copytree(ROOT / "stacks" / "lab1" / content, self.folder / content)
        (self.folder / "lab.yml").write_text(_LAB.format(name=name))
        self.lab = workspace.lab(name, self.folder)
        self.configure("first")

    def configure(self, value: str) -> None:
        """Change the virtual host of ``pages``: it answers with a header that has this value."""
        (self.folder / "pages.conf").write_text(f'add_header X-Bench "{value}" always;\n')

    def leaf(self) -> Sequence[bytes]:
        """The certificate chain and key of the site ``pages``."""
        front = self.lab.container("front")
        files = ("/etc/ssl/labctl/pages.pem", "/etc/ssl/private/pages.key")
        return [front.exec_run(["cat", file]).output for file in files]
