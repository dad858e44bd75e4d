"""Inline images that a document names by the text of its template, never by a value.

`src="cid:logo.png"` names an image because it is text of the template.  The same text in a value is only
text: nothing is read for it.  A value may complete a name after a folder that the template gives,
`cid:badges/{{ badge }}.png`, by a single part of the path.

In a rendering with its values told apart (`segments`) the names are found by where the values stand
(`ImageFinder`).  Any other is compiled with a number after `cid:` that no row can know (`NameTags`), taken
out again before anything else sees the page; there a name has to stand in one piece, but for what a value
adds after a folder.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple
from urllib.parse import unquote

from jinja2 import nodes

from mailrunner.errors import RowError

VALUE = "\0"  # stands for a value; stands in no document
_PLACE = r"""(?:\b(?:src|background)\s*=\s*["']?|\burl\(\s*(?:["']|&quot;|&\#3[49];)?)\s*"""
_NAME = r"""[^"'\s<>)&]"""
_REFERENCE = re.compile(rf"""{_PLACE}(?:cid:(?P<name>{_NAME}+)|(?P<whole>\0)(?=["'\s>)&]))""", re.IGNORECASE)
_CONSTANT = re.compile(r"\s*cid:([A-Za-z0-9._/@+-]+)\s*", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._/@+-]+")
_PLAIN_PART = re.compile(r"[A-Za-z0-9._@+-]*")
_WRITTEN_NAME = re.compile(rf"(cid:)({_NAME}*)", re.IGNORECASE)


class InlineImage(NamedTuple):
    """The name of an inline image, and the folder it must not leave: "" if the template gives it all."""

    name: str
    folder: str = ""


class ImageReference(NamedTuple):
    """A place of a template that names an image: the texts around the values in it, from slot `first` on."""

    texts: tuple[str, ...]
    first: int

    @property
    def shown(self) -> str:
        """The name as the template spells it."""
        return "{{ … }}".join(self.texts)

    @property
    def folder(self) -> str:
        """The folder before the first value; "" where there is none."""
        return self.texts[0].rpartition("/")[0] if len(self.texts) > 1 else ""

    def image(self, values: Sequence[str]) -> InlineImage:
        """Return the image for these values, escaped as in HTML.

        Raises RowError where one of them is no part of a name.
        """
        if len(self.texts) == 1:
            return InlineImage(self.texts[0])
        if not self.folder:
            raise RowError(f"the inline image {self.shown} has no folder before its value")
        given = [html.unescape(values[n]) for n in range(self.first, self.first + len(self.texts) - 1)]
        for value in given:
            require_part(value, f"the inline image {self.shown}")
        name = "".join(text + value for text, value in zip(self.texts, (*given, ""), strict=True))
        return InlineImage(name, self.folder)


class ImageFinder:
    """Finds the images of all documents that have these fixed texts around their values.

    `fixed` are the images, where they are the same whatever the values; None where they are not.
    """

    def __init__(self, statics: Iterable[str]) -> None:
        self._found = references(VALUE.join(statics))
        fixed = all(isinstance(found, ImageReference) and len(found.texts) == 1 for found in self._found)
        self.fixed = self._images((), frozenset()) if fixed else None

    def images(self, values: Sequence[str], constants: Set[str]) -> tuple[InlineImage, ...]:
        """Return each image once, in their order; raise RowError where a value cannot be part of a name.

        A whole address may be one of the `constants`, the names behind `cid:` in the template's expressions
        and in vars.
        """
        return self._images(values, constants) if self.fixed is None else self.fixed

    def _images(self, values: Sequence[str], constants: Set[str]) -> tuple[InlineImage, ...]:
        found = (_image(one, values, constants) for one in self._found)
        return tuple(dict.fromkeys(image for image in found if image))


class NameTags:
    """Tags in the text of templates, digits that no filter changes the case of."""

    def __init__(self) -> None:
        tag = self._tag = f"{secrets.randbelow(10**30):030}"
        self._tagged = re.compile(
            rf"{_PLACE}cid:{tag}(?P<fixed>{_NAME}*?){tag}(?P<rest>{_NAME}*)", re.IGNORECASE
        )

    def put(self, text: str) -> str:
        """Tag each name in a text: where it begins, and where the fixed part of it ends."""
        return _WRITTEN_NAME.sub(rf"\g<1>{self._tag}\g<2>{self._tag}", text)

    def tag(self, root: nodes.Template) -> None:
        """Tag each name of an inline image that a parsed template writes."""
        for text in root.find_all(nodes.TemplateData):
            text.data = self.put(text.data)
        for constant in root.find_all(nodes.Const):
            if constant_name(constant.value):
                constant.value = self.put(constant.value)

    def removed(self, page: str) -> str:
        """The page as it is meant."""
        return page.replace(self._tag, "")

    def images(self, page: str) -> tuple[InlineImage, ...]:
        """The images that a tagged page names; raise RowError as `ImageFinder.images` does."""
        return tuple(dict.fromkeys(_tagged(found) for found in self._tagged.finditer(page)))


def _tagged(found: re.Match[str]) -> InlineImage:
    fixed, rest = unquote(found["fixed"]), found["rest"]
    reference = ImageReference((fixed, "") if rest else (fixed,), 0)
    return reference.image((rest,))


def _image(found: ImageReference | int, values: Sequence[str], constants: Set[str]) -> InlineImage | None:
    if isinstance(found, ImageReference):
        return found.image(values)
    name = constant_name(html.unescape(values[found]))
    return InlineImage(name) if name in constants else None


def references(text: str) -> tuple[ImageReference | int, ...]:
    """The places that name images in a text with `VALUE` for each value.

    A number stands for a slot whose value is the whole address.
    """
    found: list[ImageReference | int] = []
    for match in _REFERENCE.finditer(text):
        first = text.count(VALUE, 0, match.start("name" if match["name"] else "whole"))
        whole = match["name"] is None
        found.append(
            first if whole else ImageReference(tuple(map(unquote, match["name"].split(VALUE))), first)
        )
    return tuple(found)


def constant_name(text: object) -> str:
    """The name in "cid:name", "" where a text is anything else."""
    match = _CONSTANT.fullmatch(text) if isinstance(text, str) else None
    return match[1] if match else ""


def require_part(value: str, what: str) -> None:
    """Raise RowError unless a value is part of a plain name, and no path."""
    if not _PLAIN_PART.fullmatch(value):
        raise RowError(
            f"{what} needs a plainer name: {value[:60]!r} is not only a to z, digits and . _ - + @"
        )


def require_name(name: str, what: str) -> None:
    """Raise RowError unless a name is a plain path downwards."""
    if not _PLAIN_NAME.fullmatch(name):
        raise RowError(f"{what} needs a plainer name, of the letters a to z, digits and . _ - / + @")
    if {"", ".", ".."} & set(name.split("/")):
        raise RowError(f"{what} needs a plainer name, without . and .. and empty parts")
