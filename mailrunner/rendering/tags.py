"""Tags by which the names of inline images are found in a page whose values cannot be told apart.

The template text is compiled with a number after `cid:` that no row can know, and the tags are taken out
again before anything else sees the page.  Text and value are one here, so a name has to stand in one piece,
but for what a value adds after a folder.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import unquote

from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailrunner.rendering.inline_images import NAME, PLACE, ImageReference, InlineImage, constant_name

_WRITTEN_NAME = re.compile(rf"(cid:)({NAME}*)", re.IGNORECASE)


class NameTags:
    """Tags in the text of templates, digits that no filter changes the case of."""

    def __init__(self) -> None:
        tag = self._tag = f"{secrets.randbelow(10**30):030}"
        self._tagged = re.compile(
            rf"{PLACE}cid:{tag}(?P<fixed>{NAME}*?){tag}(?P<rest>{NAME}*)", re.IGNORECASE
        )

    def put(self, text: str) -> str:
        """Tag each name in a text: where it begins, and where the fixed part of it ends."""
        return _WRITTEN_NAME.sub(rf"\g<1>{self._tag}\g<2>{self._tag}", text)

    def removed(self, page: str) -> str:
        """The page as it is meant."""
        return page.replace(self._tag, "")

    def images(self, page: str) -> tuple[InlineImage, ...]:
        """The images that a tagged page names; raise RowError as `ImageNames.images` does."""
        return tuple(dict.fromkeys(_tagged(found) for found in self._tagged.finditer(page)))


def _tagged(found: re.Match[str]) -> InlineImage:
    fixed, rest = unquote(found["fixed"]), found["rest"]
    reference = ImageReference((fixed, "") if rest else (fixed,), 0)
    return reference.image((rest,))


class TaggingEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, whose templates have tags at each name of an inline image that they write."""

    def __init__(self, *, tags: NameTags, **options: Any) -> None:
        super().__init__(**options)
        self._tags = tags

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        root = super()._parse(source, name, filename)
        for text in root.find_all(nodes.TemplateData):
            text.data = self._tags.put(text.data)
        for constant in root.find_all(nodes.Const):
            if constant_name(constant.value):
                constant.value = self._tags.put(constant.value)
        return root
