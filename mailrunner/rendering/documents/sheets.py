"""The style sheets that lie beside a document, as `<style>` in it: no mail program loads a file."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from mailrunner.rendering.documents.charset import decoded
from mailrunner.rendering.documents.markup import MarkupPiece, attribute, pieces_of
from mailrunner.rendering.documents.source import DocumentSource

_REMOTE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:|//|\{)", re.IGNORECASE)
_URL = re.compile(r"""\burl\(\s*(["']?)(?![a-z][a-z0-9+.-]*:|//|/|\#)([^"')]+)\1\s*\)""", re.IGNORECASE)


@dataclass
class DocumentSheets:
    """Takes over the sheets of one document; what it took and what is not there stands in the lists."""

    source: DocumentSource
    taken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def page(self) -> str:
        """The document with the sheets in it; those from the web stay where they are."""
        if "stylesheet" not in self.source.html.lower():
            return self.source.html
        return "".join(map(self._with_sheet, pieces_of(self.source.html)))

    def _with_sheet(self, piece: MarkupPiece) -> str:
        if piece.name != "link" or "stylesheet" not in (attribute(piece.text, "rel") or "").lower():
            return piece.text
        name = (attribute(piece.text, "href") or "").strip()
        if not name or _REMOTE.match(name):
            return piece.text
        content = self.source.picture(name.partition("?")[0].partition("#")[0])
        if content is None:
            self.missing.append(name)
            return ""
        self.taken.append(name)
        css = _rebased(decoded(content)[0], posixpath.dirname(name)).replace("</", "<\\/")
        media = attribute(piece.text, "media")
        return f"<style>{f'@media {media} {{{css}}}' if media and media != 'all' else css}</style>"


def _rebased(css: str, folder: str) -> str:
    """The sheet with the names of its pictures as seen from the document."""
    return _URL.sub(lambda found: f"url({posixpath.join(folder, found[2].strip())})", css) if folder else css
