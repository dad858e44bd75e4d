"""A document as a template: its text in UTF-8, its placeholders Jinja's, its pictures inline images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlsplit

from mailrunner.model.number_and_noun import counted
from mailrunner.rendering.authoring import frame
from mailrunner.rendering.documents.block_balance import BlockBalance
from mailrunner.rendering.documents.charset import declared_as_utf8
from mailrunner.rendering.documents.columns import ColumnNames
from mailrunner.rendering.documents.markup import MarkupPiece, attribute, pieces_of, with_attributes
from mailrunner.rendering.documents.merge_fields import MergeFields
from mailrunner.rendering.documents.pictures import Pictures
from mailrunner.rendering.documents.sheets import DocumentSheets
from mailrunner.rendering.documents.source import DocumentSource
from mailrunner.rendering.documents.unsubscribe_link import UnsubscribeLinks
from mailrunner.rendering.documents.word_fields import merge_names

_CONDITIONAL = re.compile(
    r"(<!--\[if[^\]]*\]>(?:\s*<!-->|\s*-->)?)(.*?)(<!\[endif\]-->\Z)", re.DOTALL | re.IGNORECASE
)
_OFFICE = re.compile(r"<w:WordDocument|<w:LatentStyles|<m:mathPr|supportFields", re.IGNORECASE)
_FIELDS = re.compile(r"<!--\[if supportFields\]>.*?<!\[endif\]-->", re.DOTALL | re.IGNORECASE)
_SCRIPTED = re.compile(r"\son\w+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
_BRACES = ("{{", "{%", "{#", "}}", "%}", "#}")
_DROPPED = frozenset({"base", "script", "o:p"})
_LOCAL_LINKS = frozenset({"file-list", "themedata", "colorschememapping", "edit-time-data", "preview"})
_GOOGLE = re.compile(r"https?://www\.google\.com/url\?", re.IGNORECASE)
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_FOOTER = (
    '<p style="margin: 32px 16px 16px; text-align: center; font: 13px/1.6 Arial, sans-serif; color: #5c6669">'
    '<a href="{{ unsubscribe_url }}" style="color: #5c6669"><<word>></a><br>{{ postal_address }}</p>\n'
)
_PAGE = re.compile(r"padding\s*:\s*(?:\d+(?:\.\d+)?pt\s*){4}", re.IGNORECASE)
_NARROW = (
    "\n<style>@media (max-width: 620px) { body { padding: 16px !important; max-width: none !important } }"
    "</style>\n"
)
_PRINTED = re.compile(
    r"<div class=[\"']?WordSection|content=[\"']?(?:Microsoft Word|LibreOffice)", re.IGNORECASE
)
# Google puts each picture into a span of its size.
_FITTED = (
    "\n<style>@media (max-width: 620px) { img, span { max-width: 100% !important; height: auto !important } }"
    "</style>\n"
)


@dataclass(frozen=True, slots=True)
class ImportedTemplate:
    """A template, its pictures by name, sentences on what was changed, and what is left to the user.

    `unknown` are placeholders that fit no column, each with the name that the template now uses.
    """

    html: str
    pictures: dict[str, bytes]
    changes: tuple[str, ...]
    remarks: tuple[str, ...]
    unknown: dict[str, str]


def template_of(source: DocumentSource, name: str, columns: Sequence[str] | None) -> ImportedTemplate:
    """Make a template called `name` of a document, for a list with these `columns`, None if there is none."""
    names = ColumnNames(columns)
    certain = source.fields.union(merge_names(source.html))
    fields, pictures = MergeFields(names, certain), Pictures(source, name)
    cleaning, sheets, blocks = _Cleaning(), DocumentSheets(source), BlockBalance()
    pieces = fields.in_texts(cleaning.pieces(_FIELDS.sub("", sheets.page()), fields))
    language = source.language or _language_of(source.html)
    links = UnsubscribeLinks(frame.footer_words(language)["unsubscribe"])
    html = blocks.balanced("".join(pictures.taken(piece).text for piece in links.in_texts(pieces)))
    html = _framed(html, language) if source.is_fragment else declared_as_utf8(html)
    html, added = _completed(html, source.is_fragment, language)
    if links.made:
        added.append("the address to unsubscribe, which stood there as text, is a link now")
    styles = [f"the style sheet {one} stands in the page now" for one in sheets.taken]
    changes = [*source.changes, *cleaning.sentences(), *styles, *_sentences(fields, pictures), *added]
    fields.unread.update(blocks.as_text)
    remarks = [*source.remarks, *_missing(pictures, sheets), *_remarks(fields, blocks)]
    return ImportedTemplate(html, pictures.files, tuple(changes), tuple(remarks), names.unknown)


class _Cleaning:
    """Takes out what no mail program needs, and keeps styles and what is meant for Outlook."""

    def __init__(self) -> None:
        self.scripts = self.office = self.links = self.braces = 0

    def pieces(self, html: str, fields: MergeFields) -> list[MarkupPiece]:
        """The pieces of a document that are kept."""
        kept = ((piece, self._kept(piece, fields)) for piece in pieces_of(html))
        return [piece._replace(text=text) for piece, text in kept if text]

    def _kept(self, piece: MarkupPiece, fields: MergeFields) -> str:
        """The text of a piece as it is kept, "" where it is not."""
        if piece.kind == "script" or piece.name in _DROPPED or _is_office(piece):
            self.scripts += piece.kind == "script"
            return ""
        if piece.kind == "comment":
            return self._comment(piece.text, fields)
        if piece.kind == "sheet":
            return self._without_braces(piece.text)
        return self._tag(piece) if piece.kind == "tag" else piece.text

    def _comment(self, text: str, fields: MergeFields) -> str:
        if found := _CONDITIONAL.fullmatch(text):
            if _OFFICE.search(found[2]):
                self.office += 1
                return ""
            inside = fields.in_texts(self.pieces(found[2], fields))
            return found[1] + "".join(piece.text for piece in inside) + found[3]
        if not text.startswith("<!--") or text.startswith(("<!--[", "<!--<![", "<!-->")):
            return text
        inner = text[4:].removesuffix("-->").strip()
        return fields.in_line(inner) if inner.startswith("*|") and inner.endswith("|*") else ""

    def _tag(self, piece: MarkupPiece) -> str:
        text = _SCRIPTED.sub("", piece.text)
        self.scripts += text != piece.text
        if piece.name in ("a", "area"):
            text = with_attributes(text, self._href)
        return text

    def _href(self, name: str, value: str) -> str | None:
        """The address behind Google's redirection, which also tells Google who clicks."""
        if name != "href" or not _GOOGLE.match(value.strip()):
            return None
        target = parse_qs(urlsplit(value.strip()).query).get("q", [""])[0]
        self.links += bool(target)
        return target or None

    def _without_braces(self, css: str) -> str:
        """CSS in which no two signs together mean something to Jinja."""
        changed = css
        for pair in _BRACES:
            changed = changed.replace(pair, f"{pair[0]} {pair[1]}")
        self.braces += changed != css
        return changed

    def sentences(self) -> list[str]:
        """What was changed."""
        said = {
            "scripts were taken out; no mail program runs them": self.scripts,
            "settings of Office were taken out; they are for Word alone": self.office,
            f"{counted(self.links, 'link')} now not through google.com, which counted clicks": self.links,
            "braces in the CSS were put apart; to a template they mean something": self.braces,
        }
        return [sentence for sentence, number in said.items() if number]


def _is_office(piece: MarkupPiece) -> bool:
    if piece.kind != "tag":
        return False
    if piece.name == "link":
        return (attribute(piece.text, "rel") or "").lower() in _LOCAL_LINKS
    refresh = (attribute(piece.text, "http-equiv") or "").lower() if piece.name == "meta" else ""
    return refresh == "refresh"


def _language_of(html: str) -> str:
    """The language that the page or its body has, such as "de-DE"; "" where none tells."""
    for piece in pieces_of(html):
        if piece.name in ("html", "body") and not piece.text.startswith("</"):
            found = attribute(piece.text, "lang") or attribute(piece.text, "xml:lang") or ""
            if re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", found):
                return found
    return ""


def _framed(content: str, language: str) -> str:
    """The content in the ready frame that messages in Markdown have, as a page of its own."""
    page = frame.source({"language": language or "en"}, can_unsubscribe=True, width=lambda _: None)
    for block, text in {"content": content, "preheader": "", "title": "{{ campaign.list }}"}.items():
        found = re.search(rf"\{{% block {block} %\}}.*?\{{% endblock %\}}", page)
        assert found is not None  # noqa: S101 - the frame is ours
        page = page[: found.start()] + text + page[found.end() :]
    return page


def _completed(html: str, is_fragment: bool, language: str) -> tuple[str, list[str]]:
    """The page with all that a message must have, and what was added."""
    added: list[str] = []
    if is_fragment:
        return html, ["it stands in a ready frame with a footer and the link to unsubscribe"]
    if not re.search(r"<meta[^>]*viewport", html, re.IGNORECASE):
        html = html.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{_VIEWPORT}', 1)
    if _PAGE.search(html):
        html = _with_sheet(html, _NARROW)
        added.append("on telephones the margins of the printed page are left out")
    if "<img" in html and (_PAGE.search(html) or _PRINTED.search(html)):
        html = _with_sheet(html, _FITTED)
        added.append("on telephones pictures are as wide as the screen at most")
    if "unsubscribe_url" not in html:
        end = re.search(r"</body\s*>", html, re.IGNORECASE)
        place = end.start() if end else len(html)
        footer = _FOOTER.replace("<<word>>", escape(frame.footer_words(language)["unsubscribe"]))
        html = html[:place] + footer + html[place:]
        added.append("a footer with the link to unsubscribe and the postal address was added at the end")
    return html, added


def _with_sheet(html: str, sheet: str) -> str:
    return re.sub(r"</head\s*>", lambda end: sheet + end[0], html, count=1, flags=re.IGNORECASE)


def _sentences(fields: MergeFields, pictures: Pictures) -> list[str]:
    fitted = [
        f"{shown} is {{{{ {to} }}}} now" for shown, to in fields.names.fitted.items() if to not in shown
    ]
    number = len(pictures.files)
    said = [
        (fields.joined, f"{counted(fields.joined, 'placeholder')} that the editor had split: joined again"),
        (fields.straightened, "curly quotes and blanks in placeholders are plain ones now"),
        (number, f"{counted(number, 'picture')} in templates/{pictures.folder}/, sent inside the message"),
    ]
    return [*(sentence for number, sentence in said if number), *fitted]


def _missing(pictures: Pictures, sheets: DocumentSheets) -> list[str]:
    return [
        *(f"the style sheet {name} does not lie beside the file" for name in sheets.missing),
        *(f"the picture {name} does not lie beside the file" for name in sorted(pictures.missing)),
        *(f"the picture {name} is of a kind that no mail program shows" for name in sorted(pictures.unshown)),
    ]


def _remarks(fields: MergeFields, blocks: BlockBalance) -> list[str]:
    dropped = [
        f"{shown} can only be filled by its own system: it was left out" for shown in sorted(fields.dropped)
    ]
    unread = [
        f"{shown} is no expression: it stands in the template as text" for shown in sorted(fields.unread)
    ]
    lone = [f"{shown} begins or ends nothing: it was left out" for shown in blocks.left_out]
    return [*dropped, *unread, *lone]
