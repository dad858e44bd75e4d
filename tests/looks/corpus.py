"""Templates of public collections, from npm packages: fetched with `npm pack` into build/, never committed.

Each is made a document that stands for itself: a linked sheet of the package is put in its place, fields
and statements of its own template language are replaced by plain text.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BUILD = Path(__file__).parents[2] / "build" / "looks-corpus"


class Package(NamedTuple):
    """A package, the files of it that are templates, and the frame that some of them stand in."""

    name: str
    version: str
    files: str
    frame: str = ""


PACKAGES = (
    Package("foundation-emails", "2.5.1", ".download/templates/*.html"),
    Package("foundation-emails", "2.5.1", "test/visual/pages/*[!y].html", frame="test/visual/_template.html"),
    Package("mailgen", "2.0.36", "themes/*/index.html"),
    Package("ghost", "6.65.0", "core/server/services/mail/templates/**/*.html"),
    Package("ghost", "6.65.0", "core/server/services/comments/email-templates/*.hbs"),
    Package("ghost", "6.65.0", "core/server/services/staff/email-templates/*.hbs"),
    Package("n8n", "2.41.3", "dist/user-management/email/templates/*.handlebars"),
    Package("@directus/api", "39.2.1", "dist/services/mail/templates/base.liquid"),
)
_FIELD = re.compile(r"\{\{\{?-?\s*(?:[#/^>!]|else\b|end)[^{}]*\}?\}\}|\{%.*?%\}|<%[^=-].*?%>", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}\}?|<%[=-].*?%>|\{[a-z_]+\}(?![^<]*</style)", re.DOTALL)
_LINK = re.compile(r"<link\b[^>]*\bhref=[\"']?([^\"'\s>]+\.css)[\"']?[^>]*>", re.IGNORECASE)


def templates(folder: Path = BUILD, value: str = "Ana") -> Iterator[tuple[str, str]]:
    """The name and the document of every template, in packages that are fetched where they are missing.

    `value` stands for each of its fields.
    """
    for package in PACKAGES:
        root = _fetched(package, folder)
        frame = (root / package.frame).read_text(encoding="utf-8") if package.frame else "<%= contents %>"
        for path in sorted(root.glob(package.files)):
            source = frame.replace("<%= contents %>", _text(path))
            if "<" in source:
                name = f"{package.name} {path.relative_to(root)}"
                yield name, plain(source, root, value)


def plain(source: str, root: Path, value: str) -> str:
    """A template as a document of its own, with a value for each field."""
    source = _LINK.sub(lambda link: _sheet(link, root), source)
    return _VALUE.sub(lambda _: value, _FIELD.sub("", source))


def _fetched(package: Package, folder: Path) -> Path:
    home = folder / f"{package.name.replace('/', '-').lstrip('@')}-{package.version}"
    if not home.exists():
        folder.mkdir(parents=True, exist_ok=True)
        named = f"{package.name}@{package.version}"
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), named]
        packed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
        with tarfile.open(folder / packed) as archive:
            archive.extractall(home, filter="data")
        (folder / packed).unlink()
    return home / "package"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _sheet(link: re.Match[str], root: Path) -> str:
    found = [path for path in root.rglob(Path(link[1]).name) if "dist" in path.parts or "css" in path.parts]
    return f"<style>{found[0].read_text(encoding='utf-8')}</style>" if found else link[0]
