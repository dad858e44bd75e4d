"""Files of a project that are never sent: not as an attachment, not as an inline image, to no recipient.

They are told by what they are and not by how they are spelled: a symlink, a hard link and another case
of its name lead to the same file.  What cannot be known by its path, a copy of a ledger or a
private key, is known by its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mailrunner.rendering.media_types import image_type

_SETTINGS = "mailrunner.toml"
_FOLDERS = {"campaigns": "a campaign file", "previews": "a preview of other recipients' messages"}
# SQLite's file, its write-ahead log and its rollback journal (sqlite.org, "Database File Format").
_DATABASES = (
    b"SQLite format 3\0",
    b"\x37\x7f\x06\x82",
    b"\x37\x7f\x06\x83",
    b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
)
_PRIVATE_KEY = b"PRIVATE KEY-----"
_HEAD = 4096  # a key stands at the beginning of its file


class PrivateFiles:
    """Knows the files of one project that stay where they are.

    `named` are those that only the project's settings tell, with what each is: "the ledger".  The
    settings themselves, campaign files, secrets and templates are known without being named.
    """

    def __init__(self, *, folder: Path, templates_dir: Path, named: Mapping[Path, str]) -> None:
        self._folder = folder.resolve()
        self._templates_dir = templates_dir
        self._named = {**named, folder / _SETTINGS: "the settings of the project"}

    def reason(self, path: Path, octets: bytes) -> str:
        """Why a file, with this content, is not sent: "is the ledger"; "" where it may be."""
        if reason := self.text_reason(path, octets):
            return reason
        if _is_below(path, self._templates_dir) and image_type(octets) is None:
            return "lies among the templates and is no image"
        return ""

    def text_reason(self, path: Path, octets: bytes) -> str:
        """Why a file is not even read as a template; "" where it may be."""
        return next(self._reasons(path, octets), "")

    def _reasons(self, path: Path, octets: bytes) -> Iterator[str]:
        for known, what in self._named.items():
            if _is_same(path, known) or _is_beside(path, known):
                yield f"is {what}, or belongs to it"
        if any(part.startswith(".") for part in _inside(path, self._folder)):
            yield "is hidden: its path has a name that begins with a dot"
        if any(_is_same(path, secret) for secret in self._folder.glob(".env*")):
            yield "is a file of secrets"
        for name, what in _FOLDERS.items():
            if _is_below(path, self._folder / name):
                yield f"is {what}"
        if octets.startswith(_DATABASES):
            yield "is a database"
        if _PRIVATE_KEY in octets[:_HEAD]:
            yield "is a private key"


def _inside(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts if path.is_relative_to(folder) else ()


def _is_same(path: Path, other: Path) -> bool:
    """True if both are one file, be it by a link."""
    if str(path).casefold() == str(other).casefold():
        return True
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def _is_beside(path: Path, known: Path) -> bool:
    """True if a file is called like a known one in its folder and then some: `-wal`, `.run-7.lock`, `~`."""
    name, stem = path.name.casefold(), known.name.casefold()
    longer = name.startswith(stem) and not name[len(stem) : len(stem) + 1].isalnum()
    return longer and _is_same(path.parent, known.parent)


def _is_below(path: Path, folder: Path) -> bool:
    return any(_is_same(parent, folder) for parent in path.parents)
