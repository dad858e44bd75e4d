"""The sender's logo on the pages: a small image of the project, known by its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.media_types import image_type

MOST_OCTETS = 262_144
# What every browser shows.  An SVG is left out: it is a document, and may hold scripts and links.
_KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Logo:
    """An image and its media type."""

    octets: bytes
    media_type: str


def load_logo(folder: Path, name: str) -> Logo:
    """The file `name` of the project in `folder`; UserError where it cannot be the logo."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise _problem(f'"{name}" lies outside the project\'s folder', "copy the file into it")
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise _problem(f'"{name}" cannot be read: {error.strerror}', "name an image of the project") from None
    kind = image_type(octets)
    if kind not in _KINDS:
        raise _problem(f'"{name}" is no PNG, JPEG, GIF or WebP image', "save it as PNG")
    if len(octets) > MOST_OCTETS:
        raise _problem(f'"{name}" has more than 256 KB', "a logo is shown 64 pixels high: make it smaller")
    return Logo(octets, kind)


def _problem(message: str, hint: str) -> UserError:
    return UserError(Problem(message, "mailrunner.toml", "unsubscribe.logo", hint))
