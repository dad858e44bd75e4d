"""Digest of what recipients would read of a template: text and includes, by content and not by name.

Two templates have one digest if they differ only in how files are called (a copy of a campaign has
templates of its own), in comments, or in how Jinja's statements are spaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from mailrunner.rendering.template_names import TemplateTree

_REFERRING = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
_CIRCLE = "circle"


class Readings:
    """Digests of templates; `images` are digests of inline images, by the name that templates use."""

    def __init__(self, images: Mapping[str, str]) -> None:
        longest_first = sorted(images, key=len, reverse=True)
        self._images = [(f"cid:{name}", f"cid:{images[name]}") for name in longest_first]
        self._known: dict[int, str] = {}

    def of(self, tree: TemplateTree) -> str:
        """The digest of a template with all that it includes."""
        if id(tree) not in self._known:
            self._known[id(tree)] = _CIRCLE  # templates may include each other in a circle
            self._known[id(tree)] = _sha256(self._spelled(tree.root, tree))
        return self._known[id(tree)]

    def _spelled(self, part: Any, tree: TemplateTree) -> str:
        if isinstance(part, nodes.TemplateData):
            return repr(self._with_images(part.data))
        if isinstance(part, _REFERRING):
            own = [self._spelled(value, tree) for _, value in part.iter_fields(exclude=("template",))]
            return f"{type(part).__name__}({self._included(part.template, tree)}, {', '.join(own)})"
        if isinstance(part, nodes.Node):
            fields = (self._spelled(value, tree) for _, value in part.iter_fields())
            return f"{type(part).__name__}({', '.join(fields)})"
        if isinstance(part, list | tuple):
            return f"[{', '.join(self._spelled(one, tree) for one in part)}]"
        return repr(part)

    def _included(self, named: nodes.Expr, tree: TemplateTree) -> str:
        """The contents behind a name; where a row chooses, the expression and all that can be chosen."""
        if isinstance(named, nodes.Const) and isinstance(named.value, str):
            return self._content(named.value, tree)
        if isinstance(named, nodes.Tuple | nodes.List):
            return f"[{', '.join(self._included(item, tree) for item in named.items)}]"
        choice = sorted({_sha256(repr(other.root)) for other in tree.loaded.values()})
        return f"{self._spelled(named, tree)} of {choice}"

    def _content(self, name: str, tree: TemplateTree) -> str:
        return self.of(tree.loaded[name]) if name in tree.loaded else repr(name)

    def _with_images(self, text: str) -> str:
        for name, content in self._images:
            text = text.replace(name, content)
        return text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
