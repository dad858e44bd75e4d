"""A document's file as HTML with its pictures: read within bounds, told by its content and not by its name.

Nothing is unpacked: members of an archive are read into memory, and no name of theirs becomes a path.
"""

from __future__ import annotations

import email
import email.policy
import io
import posixpath
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.documents.charset import decoded
from mailrunner.rendering.documents.source import DocumentSource

_LARGEST = 50 * 1024 * 1024  # octets of a file, and of all that an archive holds
_MOST_MEMBERS = 2000
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER = (
    (_OLE, "an old Word or Outlook file", "open it and save it as .docx, or as HTML"),
    (b"{\\rtf", "a Rich Text file", "open it and save it as .docx, or as HTML"),
    (b"%PDF", "a PDF, which cannot be made into a template", "take the document that it was made from"),
    (b"\x89PNG", "a picture", "name the document; pictures come along with it"),
    (b"\xff\xd8\xff", "a picture", "name the document; pictures come along with it"),
)
_TEXT_ONLY = {
    ".md": 'copy it into templates/ and write markdown = "{name}" in the campaign file',
    ".markdown": 'copy it into templates/ and write markdown = "{name}" in the campaign file',
    ".mjml": 'copy it into templates/ and write mjml = "{name}" in the campaign file',
    ".txt": 'copy it into templates/ and write text = "{name}" in the campaign file',
}


def read_document(path: Path) -> DocumentSource:
    """Read a file; raises UserError, with the next step, where it is none that a template can be made of."""
    octets = _octets(path)
    for signature, what, hint in _OTHER:
        if octets.startswith(signature):
            raise UserError(Problem(f"is {what}", path.name, hint=hint))
    if octets.startswith(_ZIP):
        return _from_archive(path, octets)
    if path.suffix.lower() in (".eml", ".mht", ".mhtml") or octets[:5].lower() == b"mime-":
        return _from_message(path, octets)
    if step := _TEXT_ONLY.get(path.suffix.lower()):
        raise UserError(Problem("needs no import", path.name, hint=step.format(name=path.name)))
    html, encoding = decoded(octets)
    if "<" not in html or "\0" in html:
        raise UserError(Problem("is no HTML", path.name, hint="save the document as .docx, or as HTML"))
    folder = path.resolve().parent
    return DocumentSource("HTML", html, lambda name: _beside(folder, name), False, _recoded(encoding))


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise UserError(Problem("there is no such file", str(path))) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from None
    if len(octets) > _LARGEST:
        raise UserError(Problem("is larger than 50 MB", path.name, hint="save its pictures smaller"))
    return octets


def _recoded(encoding: str) -> tuple[str, ...]:
    return () if encoding in ("utf-8", "ascii") else (f"the text was {encoding}, it is UTF-8 now",)


def _from_archive(path: Path, octets: bytes) -> DocumentSource:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            members = _members(archive, path.name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        what = "has a password" if "password" in str(error) else f"is a damaged archive: {error}"
        raise UserError(Problem(what, path.name, hint="save it again")) from None
    if "word/document.xml" in members:
        from mailrunner.rendering.documents.word import from_word

        return from_word(octets, members, path.name)
    if members.get("mimetype", b"").startswith(b"application/vnd.oasis"):
        hint = "open it in LibreOffice and save it as .docx, or as HTML"
        raise UserError(Problem("is an OpenDocument file", path.name, hint=hint))
    if any(name.startswith("Index/") for name in members):
        raise UserError(Problem("is a document of Pages", path.name, hint="in Pages: File, Export To, Word"))
    pages = [name for name in members if name.lower().endswith((".html", ".htm")) and "__MACOSX" not in name]
    if not pages:
        hint = "name a zip that Google Docs, Stripo or Mailchimp made, with a web page in it"
        raise UserError(Problem("there is no HTML file in it", path.name, hint=hint))
    page = min(pages, key=lambda name: (name.count("/"), "index" not in name.lower(), -len(members[name])))
    html, encoding = decoded(members[page])
    others = (f"{page} was taken, of {len(pages)} pages in the archive",) if len(pages) > 1 else ()
    base = posixpath.dirname(page)
    return DocumentSource(
        "zip", html, lambda name: _member(members, base, name), False, (*_recoded(encoding), *others)
    )


def _members(archive: zipfile.ZipFile, label: str) -> dict[str, bytes]:
    """The contents of an archive by name; raises UserError for one that is made to burst."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_MEMBERS or sum(entry.file_size for entry in entries) > _LARGEST:
        raise UserError(Problem("holds more than 50 MB or 2000 files", label, hint="is it the right file?"))
    members: dict[str, bytes] = {}
    left = _LARGEST
    for entry in entries:
        with archive.open(entry) as file:  # the size in its header may be a lie
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise UserError(Problem("holds more than 50 MB", label, hint="is it the right file?"))
        members[entry.filename.replace("\\", "/")] = content
    return members


def _member(members: Mapping[str, bytes], base: str, name: str) -> bytes | None:
    for spelled in (name, unquote(name)):
        place = posixpath.normpath(posixpath.join(base, spelled.replace("\\", "/")))
        if place in members:
            return members[place]
    return None


def _beside(folder: Path, name: str) -> bytes | None:
    """A file in the folder of the page, or below it."""
    for spelled in (name, unquote(name)):
        try:
            path = (folder / spelled.replace("\\", "/")).resolve()
            if path.is_relative_to(folder) and path.is_file() and path.stat().st_size <= _LARGEST:
                return path.read_bytes()
        except (OSError, ValueError):
            continue
    return None


def _from_message(path: Path, octets: bytes) -> DocumentSource:
    """A web page in one file (MHTML, RFC 2557), or a mail that was saved."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    html = None
    pictures: dict[str, bytes] = {}
    for part in message.walk():
        if part.get_content_type() == "text/html" and html is None:
            html = part
        elif part.get_content_maintype() == "image" or part.get_content_type() == "text/css":
            content = part.get_payload(decode=True)
            names = (part["Content-Location"], f"cid:{str(part['Content-ID'] or '').strip('<> ')}")
            pictures.update({str(name).strip(): bytes(content) for name in names if name and content})
    if html is None:
        raise UserError(Problem("there is no HTML in it", path.name, hint="save the document as HTML"))
    text, encoding = decoded(bytes(html.get_payload(decode=True) or b""))
    if charset := html.get_content_charset():
        with suppress(LookupError, UnicodeDecodeError):
            text, encoding = bytes(html.get_payload(decode=True) or b"").decode(charset), charset
    base = posixpath.dirname(str(html["Content-Location"] or ""))
    return DocumentSource(
        "mail",
        text,
        lambda name: pictures.get(name) or pictures.get(f"{base}/{name}"),
        False,
        _recoded(encoding),
    )
