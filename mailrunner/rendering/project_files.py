"""Files as MIME parts: attachments, and images that stand inside the HTML.

Only files of the project go out: symlinks are resolved first, hidden files (`.env`) never qualify, nor
do the ledger, the lists and their like (`private_files`).  Where a path is made from a row's cells it cannot
leave the folder that its fixed beginning names.  An inline image is an image by its content.
The contents are base64 and byte-exact, text files too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mailrunner.config.paths import is_file
from mailrunner.errors import RowError
from mailrunner.rendering import calendars
from mailrunner.rendering.image_size import image_size
from mailrunner.rendering.inline_images import InlineImage, require_name
from mailrunner.rendering.media_types import image_type, media_type_of
from mailrunner.rendering.mime import Part, base64_lines
from mailrunner.rendering.private_files import PrivateFiles


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file that was read: its part, and the digest of its contents."""

    part: Part
    digest: str


class ProjectFiles:
    """The files of one project that its messages may carry."""

    def __init__(self, *, folder: Path, templates_dir: Path, private: PrivateFiles) -> None:
        self._folder, self._templates_dir, self._private = folder, templates_dir, private

    def attachment(self, name: str, *, within: str = "") -> ProjectFile:
        """Read `name`, relative to the project; raise RowError if it is not sent, or outside of `within`."""
        what = f"the attachment {name}"
        path = self._contained(name, self._folder / within, what)
        return attached_file(path.name, self._octets(path, what))

    def image(self, image: InlineImage) -> ProjectFile:
        """Read an inline image, in the templates' folder, else in the project's.

        Raises RowError if it is not there, outside of its folder, or no image.
        """
        name = image.name
        what = f"the inline image {name}"
        require_name(name, what)
        home = self._home(name)
        path = self._contained(str(home / name), home / image.folder if image.folder else self._folder, what)
        octets = self._octets(path, what)
        media_type = image_type(octets)
        if media_type is None:
            raise RowError(f"{what} is not sent: its content is no image that mail programs show")
        fields = f"Content-ID: <{name}>\r\nContent-Disposition: inline; {_filename(path.name)}"
        return _file(octets, media_type, fields)

    def image_width(self, name: str) -> int | None:
        """The width of an image in pixels; None where there is none, or it tells none."""
        try:
            home = self._home(name)
            octets = self._octets(self._contained(str(home / name), self._folder, name), name)
        except RowError:
            return None
        size = image_size(octets)
        return size.width if size else None

    def image_path(self, name: str) -> str:
        """The path of an image relative to the project, as digests and messages show it."""
        return (self._home(name) / name).relative_to(self._folder).as_posix()

    def require_folder(self, folder: str, what: str) -> None:
        """Raise RowError unless a row may choose a file in this folder: a visible one below the project."""
        path = self._contained(folder, self._folder, what)
        if path == self._folder.resolve():
            raise RowError(f"{what} gives the whole project to choose from")
        if reason := self._private.reason(path / "_", b""):
            raise RowError(f"{what} is not sent: what lies there {reason}")

    def _home(self, name: str) -> Path:
        return self._templates_dir if is_file(self._templates_dir / name) else self._folder

    def _contained(self, name: str, within: Path, what: str) -> Path:
        if "\0" in name:
            raise RowError(f"{what!r} contains a NUL character")
        project, path = self._folder.resolve(), (self._folder / name).resolve()
        if not path.is_relative_to(project):
            raise RowError(f"{what} is outside the project")
        if not path.is_relative_to(within.resolve()):
            raise RowError(f"{what} is outside the folder that its campaign file or template names")
        if any(part.startswith(".") for part in path.relative_to(project).parts):
            raise RowError(f"{what} is hidden (its path has a name that begins with a dot) and is not sent")
        return path

    def _octets(self, path: Path, what: str) -> bytes:
        octets = _read(path, what)
        if reason := self._private.reason(path, octets):
            raise RowError(f"{what} is not sent: it {reason}")
        return octets


def attached_file(name: str, octets: bytes) -> ProjectFile:
    """The content of a file as an attachment of this name; a text tells its charset."""
    media_type = media_type_of(name)
    if media_type == "text/calendar":
        media_type = calendars.media_type(octets)
    elif media_type.startswith("text/") and (charset := _charset(octets)):
        media_type = f"{media_type}; charset={charset}"
    return _file(octets, media_type, f"Content-Disposition: attachment; {_filename(name)}")


def _charset(octets: bytes) -> str:
    """The charset of a text, without which it is ASCII (RFC 2046 §4.1.2); "" where it is not known."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "us-ascii" if octets.isascii() else "utf-8"


def _read(path: Path, what: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise RowError(f"{what} cannot be read: it is no file")
        return path.read_bytes()
    except FileNotFoundError:
        raise RowError(f"{what} does not exist") from None
    except OSError as error:
        raise RowError(f"{what} cannot be read: {error.strerror}") from None


def _file(octets: bytes, media_type: str, fields: str) -> ProjectFile:
    head = f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n{fields}"
    part = Part(head.encode("ascii"), [base64_lines(octets)])
    return ProjectFile(part, hashlib.sha256(octets).hexdigest())


def _filename(name: str) -> str:
    """RFC 2183, in RFC 2231's form where the name is not plain ASCII."""
    if name.isascii() and name.isprintable():
        escaped = re.sub(r'(["\\])', r"\\\1", name)
        return f'filename="{escaped}"'
    return "filename*=utf-8''" + quote(name, safe="", errors="surrogateescape")
