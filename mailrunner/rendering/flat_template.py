"""Templates of nothing but text and names, as most are: joined here, without a call of Jinja.

What such a template gives is known before any row: the texts between its values are always the same, and a
name that stands there twenty times is looked up and escaped once.  A row with anything but short plain text
in one of these names is Jinja's, so the result is the same: Jinja, too, would look the name up in the row
first, and write the text as it is or escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from jinja2 import nodes

from mailrunner.rendering.segments import LONGEST_LINE, SegmentedText, Segmenting, escaped_text

_LARGEST = 1_000_000  # characters of a whole rendering: far below what Jinja's is bounded by

Read = tuple[str, str, bool]
"""A name of the row, what is read of its value ("" for the value itself), and if that is an item."""


def flat_segments(root: nodes.Template, rendered: Segmenting, *, escaped: bool) -> Segmenting:
    """What renders a parsed template for a row; `rendered`, which is Jinja's, where it is not flat."""
    pieces = list(_pieces(root))
    if None in pieces:
        return rendered
    statics, reads = [""], []
    for piece in pieces:
        if isinstance(piece, str):
            statics[-1] += piece
        elif piece:
            reads.append(piece)
            statics.append("")
    if not reads or sum(map(len, statics)) + len(reads) * LONGEST_LINE > _LARGEST:
        return rendered
    return _joining(tuple(statics), reads, rendered, escaped=escaped)


def _joining(
    statics: tuple[str, ...], reads: list[Read], rendered: Segmenting, *, escaped: bool
) -> Segmenting:
    distinct = sorted(dict.fromkeys(reads), key=lambda read: bool(read[1]))  # names first
    order = [distinct.index(read) for read in reads]
    spread: Callable[[list[str]], Any] = itemgetter(*order) if len(order) > 1 else tuple
    names = [name for name, part, _ in distinct if not part]
    parts = distinct[len(names) :]

    def segments(context: Mapping[str, object]) -> SegmentedText | None:
        get = context.get
        found = [get(name) for name in names]
        try:
            found += [_part(get(name), part, is_item) for name, part, is_item in parts]
        except Exception:  # Jinja knows what that means
            return rendered(context)
        values: list[str] = []
        for value in found:
            if type(value) is not str or len(value) >= LONGEST_LINE:
                return rendered(context)
            values.append(value if not escaped or value.isalnum() else escaped_text(value))
        return SegmentedText(statics, spread(values))

    return segments


def _pieces(root: nodes.Template) -> Iterator[str | Read | None]:
    """The texts and names of a template, in their order; None for anything else."""
    for output in root.body:
        if not isinstance(output, nodes.Output):
            yield None
            return
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else _read(node)


def _read(node: nodes.Expr) -> Read | None:
    if isinstance(node, nodes.Name):
        return (node.name, "", False) if node.name != "self" else None
    if not isinstance(node, (nodes.Getattr, nodes.Getitem)) or not isinstance(node.node, nodes.Name):
        return None
    name = node.node.name
    if isinstance(node, nodes.Getattr):
        return (name, node.attr, False) if node.attr[:1] not in ("", "_") and name != "self" else None
    part = node.arg.value if isinstance(node.arg, nodes.Const) else None
    return (name, part, True) if isinstance(part, str) and part and name != "self" else None


def _part(value: Any, part: str, is_item: bool) -> object:
    """An attribute or an item as Jinja reads it, where that is text of a kind that it is sure of."""
    if type(value) is dict:
        return value.get(part) if is_item or not hasattr(dict, part) else None
    return None if is_item else getattr(value, part, None)
