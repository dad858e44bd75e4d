"""Jinja's sandbox as all templates are read in it: with our filters, and with the lines of their sources.

The style sheets of the project that a template links to are put in while it is parsed.

A template may be made of another file, of Markdown for one; errors then name the line of that file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import nodes

from mailrunner.config.jinja_sandbox import BoundedSandbox
from mailrunner.rendering.linked_sheets import LinkedSheets


class CampaignEnvironment(BoundedSandbox):
    """Jinja's sandbox.

    `sheets` are those that templates link to; `lines` has, by the name of a template
    that was made, the source of each line.
    """

    def __init__(
        self,
        *,
        lines: Mapping[str, Sequence[int]],
        own_filters: Mapping[str, Callable[..., object]],
        sheets: LinkedSheets | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.add_filters(own_filters)
        self._lines = lines
        self._sheets = sheets

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        root = super()._parse(source, name, filename)
        if name is not None and self._sheets:
            self._sheets.put_in(root, name, filename or name)
        if name is not None and (lines := self._lines.get(name)):
            for node in root.find_all(nodes.Node):
                if node.lineno:  # nodes that Jinja itself adds have none
                    node.lineno = lines[min(node.lineno, len(lines)) - 1]
        return root
