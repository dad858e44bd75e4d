"""Files as MIME parts: attachments, and images that stand inside the HTML.

Only files of the project go out: symlinks are resolved first, hidden files (`.env`) never qualify,
and where a path is made from a row's cells it cannot leave the folder that its fixed beginning names.
The contents are base64 and byte-exact, text files too.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from mailrunner.config.paths import is_file
from mailrunner.errors import RowError
from mailrunner.rendering.mime import Part, base64_lines

# A file's type must not depend on the machine's own tables; these are missing from Python's for 3.11.
_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".epub": "application/epub+zip",
    ".pkpass": "application/vnd.apple.pkpass",
    ".ics": "text/calendar",
    ".md": "text/markdown",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
}
_CID = re.compile(
    r"""(?:\b(?:src|background)\s*=\s*["']?|\burl\(\s*(?:["']|&quot;|&\#3[49];)?)\s*cid:([^"'\s<>)&]+)""",
    re.IGNORECASE,
)
_BORDER = "\0"  # stands in no document
_TORN_CID = re.compile(
    r"""[=("';\0]\s*["']?(?:c|ci|cid)\0 | \0\s*["']?cid: | \0(?:id|d): | [=("';]\s*["']?\0\0""",
    re.IGNORECASE | re.VERBOSE,
)
_CID_NAME = re.compile(r"[A-Za-z0-9._/@+-]+")


@dataclass(frozen=True, slots=True)
class File:
    """A file that was read: its part, and the digest of its contents."""

    part: Part
    digest: str


def inline_names(html: str) -> list[str]:
    """The names behind `cid:` in `html`, each once, in their order."""
    return list(dict.fromkeys(unquote(name) for name in _CID.findall(html)))


def fixed_inline_names(pieces: Iterable[str]) -> tuple[str, ...] | None:
    """The names in every document that has these fixed texts around values without `cid` in them.

    None where a name, or the `cid:` before it, may go over a border into a value.
    """
    joined = _BORDER.join(pieces)
    names = inline_names(joined)
    if _TORN_CID.search(joined) or any(_BORDER in name for name in names):
        return None
    return tuple(names)


def read_attachment(folder: Path, name: str, *, within: str = "") -> File:
    """Read `name`, relative to the project; raise RowError if it is not there or outside of `within`."""
    path = _contained(folder, name, folder / within, f"the attachment {name}")
    disposition = f"attachment; {_filename(path.name)}"
    return _read(path, f"the attachment {name}", f"Content-Disposition: {disposition}")


def read_image(folder: Path, templates_dir: Path, name: str) -> File:
    """Read the image that `cid:name` means: in the templates' folder, else in the project's."""
    what = f"the inline image {name}"
    if not _CID_NAME.fullmatch(name):
        raise RowError(f"{what} needs a plainer name, of the letters a to z, digits and . _ - / + @")
    home = templates_dir if is_file(templates_dir / name) else folder
    path = _contained(folder, str(home / name), folder, what)
    fields = f"Content-ID: <{name}>\r\nContent-Disposition: inline; {_filename(path.name)}"
    return _read(path, what, fields)


def image_path(folder: Path, templates_dir: Path, name: str) -> str:
    """The image's path relative to the project, for people to read."""
    home = templates_dir if is_file(templates_dir / name) else folder
    return (home / name).relative_to(folder).as_posix()


def fixed_folder(path_template: str) -> str:
    """The folder that a path template names before its first `{{` or `{%`."""
    return re.split(r"\{[{%#]", path_template, maxsplit=1)[0].rpartition("/")[0]


def _contained(folder: Path, name: str, within: Path, what: str) -> Path:
    if "\0" in name:
        raise RowError(f"{what!r} contains a NUL character")
    project, path = folder.resolve(), (folder / name).resolve()
    if not path.is_relative_to(project):
        raise RowError(f"{what} is outside the project")
    inside = path.relative_to(project)
    if not path.is_relative_to(within.resolve()):
        raise RowError(f"{what} is outside the folder that its campaign file names")
    if any(part.startswith(".") for part in inside.parts):
        raise RowError(f"{what} is hidden (its path has a name that begins with a dot) and is not sent")
    return path


def _read(path: Path, what: str, fields: str) -> File:
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        raise RowError(f"{what} does not exist") from None
    except OSError as error:
        raise RowError(f"{what} cannot be read: {error.strerror}") from None
    head = f"Content-Type: {_media_type(path.name)}\r\nContent-Transfer-Encoding: base64\r\n{fields}"
    part = Part(head.encode("ascii"), [base64_lines(octets)])
    return File(part, hashlib.sha256(octets).hexdigest())


def _media_type(name: str) -> str:
    table = mimetypes.MimeTypes()
    for suffix, media_type in _TYPES.items():
        table.add_type(media_type, suffix)
    kind, compression = table.guess_type(name)
    if compression:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(
            compression, "application/octet-stream"
        )
    # RFC 2046 §5.2.1: message/* may not be base64, and neither may multipart/*.
    if kind is None or kind.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return kind


def _filename(name: str) -> str:
    """RFC 2183, in RFC 2231's form where the name is not plain ASCII."""
    if name.isascii() and name.isprintable():
        escaped = re.sub(r'(["\\])', r"\\\1", name)
        return f'filename="{escaped}"'
    return "filename*=utf-8''" + quote(name, safe="", errors="surrogateescape")
