"""A Word document as HTML: its structure and pictures by mammoth, for the frame to give it its looks."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.documents.pictures import WIDEST
from mailrunner.rendering.documents.source import DocumentSource
from mailrunner.rendering.documents.word_fields import WordFields, merge_names
from mailrunner.rendering.documents.word_pictures import width_and_text

_ALIGNED = ("center", "right")
_STYLES = "\n".join(
    (
        *(f"p[style-name='mailrunner {side}'] => p.align-{side}:fresh" for side in _ALIGNED),
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => h2:fresh",
        "u => u",
        "strike => s",
    )
)
_IGNORED = re.compile(r"unrecognised element was ignored: (\S+)")
_PAGE_PART = re.compile(r"word/(?:header|footer)\d*\.xml")
_SHOWN = re.compile(rb"<w:t[ >][^<]*\w")
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_LANGUAGE = re.compile(rb'<w:lang\b[^>]*\bw:val="([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)"')
_LOST = "colours, fonts and page layout of Word were left behind; to keep them save it as filtered HTML"


def from_word(octets: bytes, members: Mapping[str, bytes], label: str) -> DocumentSource:
    """The content of a .docx, whose archive holds `members`; raises UserError for one that is damaged."""
    import mammoth
    import mammoth.html
    import mammoth.transforms

    if any(_DOCTYPE.search(part) for name, part in members.items() if name.endswith((".xml", ".rels"))):
        raise UserError(Problem("defines entities, which no Word document does", label))
    pictures: dict[str, bytes] = {}

    def picture(image: Any) -> list[Any]:
        name = f"picture-{len(pictures) + 1}"
        with image.open() as file:
            pictures[name] = file.read()
        width, text = width_and_text(image.alt_text or "")
        said = {"width": str(min(width, WIDEST))} if width else {}
        return [mammoth.html.element("img", {**({"alt": text} if text else {}), "src": name, **said})]

    fields = WordFields()
    try:
        octets = _with_document(members, fields.rewritten(members["word/document.xml"]))
        result = mammoth.convert_to_html(
            io.BytesIO(octets),
            style_map=_STYLES,
            convert_image=picture,
            transform_document=mammoth.transforms.paragraph(_with_alignment),
        )
    except Exception as error:  # whatever a damaged file makes of a parser of XML
        raise UserError(Problem(f"cannot be read: {error}", label, hint="save it again in Word")) from None
    html = re.sub(r' class="align-(center|right)"', r' align="\1" style="text-align: \1"', result.value)
    html = html.replace("<table>", '<table class="data">')
    if not html:
        raise UserError(Problem("has no text in it", label, hint="is it the right file?"))
    remarks = (*_unread(fields), *_left_out(result.messages, members))
    found, language = _fields(members), _language(members)
    return DocumentSource("Word", html, pictures.get, True, (_LOST,), found, remarks, language)


def _with_document(members: Mapping[str, bytes], document: bytes) -> bytes:
    """The archive with another word/document.xml."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in {**members, "word/document.xml": document}.items():
            archive.writestr(name, content)
    return made.getvalue()


def _unread(fields: WordFields) -> list[str]:
    return [
        f"a rule of Word ({code} …) stands as what it showed last, for every recipient: write {{% if … %}}"
        for code in sorted(set(fields.unread))
    ]


def _left_out(messages: Sequence[Any], members: Mapping[str, bytes]) -> list[str]:
    """What the message lacks of the document, beside its looks."""
    found = {match[1] for one in messages if (match := _IGNORED.search(one.message))}
    lost = [f"a part that has no place in a message was left out ({name})" for name in sorted(found)]
    pages = [content for name, content in members.items() if _PAGE_PART.fullmatch(name)]
    if any(_SHOWN.search(content) for content in pages):
        lost.append("headers and footers of the printed page were left out")
    return lost


def _fields(members: Mapping[str, bytes]) -> frozenset[str]:
    return merge_names(members["word/document.xml"].decode("utf-8", "replace"))


def _language(members: Mapping[str, bytes]) -> str:
    """The language of most of the text, such as "de-DE": of its runs, else of the styles; "" without one."""
    for name in ("word/document.xml", "word/styles.xml"):
        codes = (match[1] for match in _LANGUAGE.finditer(members.get(name, b"")))
        if found := Counter(codes).most_common(1):
            return found[0][0].decode("ascii")
    return ""


def _with_alignment(paragraph: Any) -> Any:
    """A paragraph in the middle or to the right, told by a style that the map knows; headings stay such."""
    if paragraph.alignment in _ALIGNED and paragraph.style_name in (None, "Normal"):
        return paragraph.copy(style_name=f"mailrunner {paragraph.alignment}")
    return paragraph
