"""Documents as other programs write them: a Word file, a zip of Google Docs, filtered HTML of Word."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>
<Override PartName="/word/document.xml" ContentType=
"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
_ROOT = f"""<?xml version="1.0"?><Relationships
xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1"
Type="{_R}/officeDocument" Target="word/document.xml"/></Relationships>"""
_RELATIONS = f"""<?xml version="1.0"?><Relationships
xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1"
Type="{_R}/image" Target="media/image1.png"/></Relationships>"""
_PICTURE = """<w:p><w:r><w:drawing><wp:inline
xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><wp:docPr id="1" name="P"
descr="Our garden"/><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData>
<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill>
<a:blip r:embed="rId1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>
</w:p>"""
_FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> MERGEFIELD {0} </w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>«{0}»</w:t></w:r>'
    '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)


def png(width: int = 300, height: int = 200) -> bytes:
    """A picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x2f\x6b\x46" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def archive(members: Mapping[str, bytes | str]) -> bytes:
    """A zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def word_field(code: str, result: str) -> str:
    """A complex field of Word in runs; `code` is text, or text and other fields."""
    parts = re.split(r"(<w:r>.*?</w:r>)", code)
    runs = (
        part if n % 2 else f"<w:r><w:instrText>{part}</w:instrText></w:r>" for n, part in enumerate(parts)
    )
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'.format
    return f"{mark('begin')}{''.join(runs)}{mark('separate')}<w:r><w:t>{result}</w:t></w:r>{mark('end')}"


def word_drawing(extent: str, *, text: str = "", crop: str = "") -> str:
    """A picture of the document, with `extent` in EMU such as `cx="1080000"`, and what is cropped."""
    return (
        _PICTURE.replace("<wp:docPr", f"<wp:extent {extent}/><wp:docPr")
        .replace('descr="Our garden"', f'descr="{text}"')
        .replace("</pic:blipFill>", f"<a:srcRect {crop}/></pic:blipFill>")
    )


def word_document(more: str = "", parts: Mapping[str, str] | None = None) -> bytes:
    """A .docx with a merge field of Word, a placeholder in three runs, an aligned text and a picture.

    `more` is XML behind them, `parts` are further members of the archive.
    """
    split = "".join(f"<w:r><w:t>{text}</w:t></w:r>" for text in ("{{ Vor", "name", " }}"))
    body = (
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>'
        f'<w:r><w:t xml:space="preserve">Hallo </w:t></w:r>{split}'
        f"</w:p><w:p><w:r><w:t>Mitglied </w:t></w:r>{_FIELD.format('Nummer')}</w:p>"
        '<w:p><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t>Grüße</w:t></w:r></w:p>'
        + _PICTURE
        + more
    )
    names = f'xmlns:w="{_W}" xmlns:r="{_R}"'
    document = f'<?xml version="1.0"?><w:document {names}><w:body>{body}</w:body></w:document>'
    styles = (
        f'<?xml version="1.0"?><w:styles xmlns:w="{_W}"><w:style w:type="paragraph" w:styleId="Heading1">'
        '<w:name w:val="heading 1"/></w:style></w:styles>'
    )
    relations = _RELATIONS.replace(
        "</Relationships>",
        f'<Relationship Id="rId2" Type="{_R}/styles" Target="styles.xml"/></Relationships>',
    )
    return archive(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _ROOT,
            "word/document.xml": document,
            "word/styles.xml": styles,
            "word/_rels/document.xml.rels": relations,
            "word/media/image1.png": png(),
            **(parts or {}),
        }
    )


GOOGLE_PAGE = """<html><head><meta content="text/html; charset=UTF-8" http-equiv="content-type">
<style type="text/css">@import url(https://themes.googleusercontent.com/fonts/css?kit=x);.c0{color:#000000;
font-size:11pt}.c1{background-color:#ffffff;max-width:468pt;padding:72pt 72pt 72pt 72pt}</style></head>
<body class="c1 doc-content"><p class="c2"><span class="c0">Hello {{</span><span
class="c0">Vorname}}</span></p>
<p><span style="overflow: hidden; display: inline-block; width: 300.00px"><img alt="" src="images/image1.png"
style="width: 300.00px; height: 200.00px" title=""></span></p>
<p><a
href="https://www.google.com/url?q=https://garden.example/day%3Fa%3D1&amp;sa=D&amp;source=editors">day</a>
<a href="http://{{link}}">yours</a></p></body></html>"""


def google_zip() -> bytes:
    """What "Download → Web page" of Google Docs gives."""
    return archive({"Brief.html": GOOGLE_PAGE, "images/image1.png": png()})
