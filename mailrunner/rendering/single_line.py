"""A template of one line, such as the subject.

Most are a few words and a name or two.  Such a line is joined here, for a third of what a call of Jinja
costs; and since it is joined only where every name is plain text in the row, the result is the same:
Jinja would look the name up in the row first, and write the text as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import nodes

from mailrunner.rendering.templates import CompiledTemplate

_LONGEST = 1000  # characters; whatever is longer is Jinja's, which has a limit of its own


class LineTemplate:
    """A compiled line; `render` is `Template.render`."""

    def __init__(self, template: CompiledTemplate) -> None:
        self._template = template
        self._words = _words(template.trees[0].root)

    def render(self, context: Mapping[str, object]) -> str:
        """Return the line for one row; raise RowError, with a sentence, if it has none."""
        return self._joined(context) or self._template.render(context)

    def _joined(self, context: Mapping[str, object]) -> str:
        """The line, or "" where Jinja has to make it."""
        if self._words is None:
            return ""
        words = [context.get(word) if is_name else word for is_name, word in self._words]
        if set(map(type, words)) != {str}:
            return ""
        line = "".join(words)  # type: ignore[arg-type]
        return line if len(line) < _LONGEST else ""


def _words(root: nodes.Template) -> list[tuple[bool, str]] | None:
    """The texts (False) and names (True) of a template that consists of nothing else."""
    found: list[tuple[bool, str]] = []
    for output in root.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                found.append((False, node.data))
            elif isinstance(node, nodes.Name) and node.name != "self":
                found.append((True, node.name))
            else:
                return None
    return found
