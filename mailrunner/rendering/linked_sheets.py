"""Style sheets of the project that a template links to, put in their place: `<link rel=stylesheet href=…>`.

A mail program would look for the file on the reader's own disk.  Only the text of a template names such a
file, never a value: the link is replaced while the template is parsed.  Links with a scheme, to the web,
stay for the mail program.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from jinja2 import nodes

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.private_files import PrivateFiles

_LINK = re.compile(
    r"<!--.*?-->|<link\b(?P<rest>(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(r"([a-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_HINT = "give its path from the template or from the templates' folder, in which it must lie"


class LinkedSheets:
    """The style sheets of one templates' folder; `texts` has those that were read, by their path in it."""

    def __init__(self, templates_dir: Path, private: PrivateFiles) -> None:
        self._folder = templates_dir
        self._private = private
        self.texts: dict[str, str] = {}

    def put_in(self, root: nodes.Template, name: str, label: str) -> None:
        """Replace the links of a parsed template; raise UserError where a sheet is not there or not sent."""
        for text in root.find_all(nodes.TemplateData):
            if "<link" in text.data.lower():
                text.data = _LINK.sub(lambda link: self._sheet(link, name, label), text.data)

    def _sheet(self, link: re.Match[str], name: str, label: str) -> str:
        given = {
            attribute.lower(): double or single or bare
            for attribute, double, single, bare in _ATTRIBUTE.findall(link["rest"] or "")
        }
        words = given.get("rel", "").lower().split()
        href = given.get("href", "").strip()
        if "stylesheet" not in words or "alternate" in words or not href or _ELSEWHERE.match(href):
            return link[0]
        css = self._text(unquote(re.split("[?#]", href)[0]), name, label)
        media = given.get("media", "").replace('"', "")
        return f'<style media="{media}">{css}</style>' if media else f"<style>{css}</style>"

    def _text(self, href: str, name: str, label: str) -> str:
        home = self._folder.resolve()
        what = f"the style sheet {href}"
        for path in ((self._folder / name).parent / href, self._folder / href):
            found = path.resolve()
            if not found.is_relative_to(home):
                raise UserError(Problem(f"{what} is outside the templates' folder", file=label, hint=_HINT))
            if found.is_file():
                return self._read(found, found.relative_to(home).as_posix(), what, label)
        raise UserError(Problem(f"{what} does not exist", file=label, hint=_HINT))

    def _read(self, path: Path, inside: str, what: str, label: str) -> str:
        if inside not in self.texts:
            try:
                octets = path.read_bytes()
                text = octets.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise UserError(
                    Problem(f"{what} is not UTF-8; save it in that encoding", file=label)
                ) from None
            except OSError as error:
                raise UserError(Problem(f"{what} cannot be read: {error.strerror}", file=label)) from None
            if reason := self._private.text_reason(path, octets):
                raise UserError(Problem(f"{what} is not sent: it {reason}", file=label))
            if "</style" in text.lower() or "\0" in text:
                raise UserError(Problem(f"{what} is no CSS: it has markup or a NUL in it", file=label))
            self.texts[inside] = text
        return self.texts[inside]
