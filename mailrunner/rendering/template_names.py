"""Names that templates need, found by reading them and without rendering anything.

*Certain* names are those that every row's message looks up: not in a branch, a loop or a macro, not
behind `is defined` or `|default`, and set nowhere.  One that does not exist is the file's fault.  All
other names can only be judged row by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from mailrunner.errors import Problem, nearest_name
from mailrunner.rendering.inline_images import VALUE

# What the program itself puts before the templates.  These win over columns and vars of the same
# name, which is why such a column, if the templates use its name, is a problem and not a guess.
RESERVED = frozenset({"campaign", "postal_address", "recipient", "row", "unsubscribe_url", "vars"})

_TESTS_OF_EXISTENCE = frozenset({"defined", "undefined"})
_DEFAULTS = frozenset({"default", "d"})
# Of nodes that may skip some of their children: the fields that are looked at in any case.
_ALWAYS: dict[type[nodes.Node], tuple[str, ...]] = {
    nodes.If: ("test",),
    nodes.CondExpr: ("test",),
    nodes.For: ("iter",),
    nodes.And: ("left",),
    nodes.Or: ("left",),
    nodes.CallBlock: ("call",),
    nodes.Macro: (),
    nodes.Extends: (),
    nodes.Import: (),
    nodes.FromImport: (),
}
_HINT = "name a column, or set it in [message] vars"
_OWN = frozenset({"caller", "kwargs", "loop", "self", "super", "varargs"})


@dataclass(frozen=True, slots=True)
class NameUse:
    """A name at a place; `column` is true for `row["name"]`."""

    name: str
    label: str
    line: int
    column: bool = False


@dataclass(frozen=True, slots=True)
class TemplateTree:
    """One parsed template; `loaded` are the trees it may refer to, by the name it uses for them."""

    label: str
    root: nodes.Template
    loaded: Mapping[str, TemplateTree]

    def mentioned(self) -> frozenset[str]:
        """Every name that this tree looks up anywhere."""
        return frozenset(n.name for n in self.root.find_all(nodes.Name) if n.ctx == "load")

    def assigned(self) -> frozenset[str]:
        """Every name that this tree sets anywhere; scopes are not told apart, to be on the safe side."""
        names = {n.name for n in self.root.find_all(nodes.Name) if n.ctx in ("store", "param")}
        return frozenset(names).union(macro_names(self.root))

    def certain(self) -> Iterator[NameUse]:
        """Every name that rendering this tree is bound to look up."""
        yield from _certain(self, {})

    def written(self) -> str:
        """The text outside of Jinja's braces, with one brace in place of each expression."""
        return "{".join(n.data for n in self.root.find_all(nodes.TemplateData))

    def outline(self) -> str:
        """As `written`, but with `VALUE` for each expression, and a brace where a statement stands."""
        return "{".join(outlined(output) for output in self.root.find_all(nodes.Output))

    def constants(self) -> Iterator[object]:
        """The constants of all expressions."""
        yield from (constant.value for constant in self.root.find_all(nodes.Const))


def macro_names(root: nodes.Template) -> Iterator[str]:
    """Every name under which a template defines or imports a macro or a template of macros."""
    for node in root.find_all((nodes.Macro, nodes.Import, nodes.FromImport)):
        if isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)


def outlined(output: nodes.Output) -> str:
    """The text that a part of a template writes, with `VALUE` for each expression."""
    return "".join(_written(node) for node in output.nodes)


def _written(node: nodes.Expr) -> str:
    if isinstance(node, nodes.TemplateData):
        return node.data
    return _constant(node) or VALUE


def _certain(tree: TemplateTree, blocks: dict[str, tuple[TemplateTree, nodes.Block]]) -> Iterator[NameUse]:
    """`blocks` are those of the children: a child's block stands in place of its parent's."""
    own = {block.name: (tree, block) for block in tree.root.find_all(nodes.Block)}
    blocks = {**own, **blocks}
    parent = next(tree.root.find_all(nodes.Extends), None)
    if parent is None:
        yield from _bound(tree.root.body, tree, blocks)
    elif (above := _referenced(parent.template, tree)) is not None:
        yield from _certain(above, blocks)


def _bound(
    inside: Iterable[nodes.Node], tree: TemplateTree, blocks: dict[str, tuple[TemplateTree, nodes.Block]]
) -> Iterator[NameUse]:
    for node in inside:
        if isinstance(node, nodes.Block):
            home, block = blocks[node.name]
            yield from _bound(block.body, home, blocks)
        elif isinstance(node, nodes.Include):
            included = _referenced(node.template, tree)
            if included is not None and not node.ignore_missing:
                yield from _certain(included, {})
        elif (use := _use(node, tree)) is not None:
            yield use
        else:
            yield from _bound(_always(node), tree, blocks)


def _use(node: nodes.Node, tree: TemplateTree) -> NameUse | None:
    if isinstance(node, nodes.Name) and node.ctx == "load":
        return NameUse(node.name, tree.label, node.lineno)
    if isinstance(node, nodes.Getitem | nodes.Getattr) and _is_row(node.node):
        key = node.attr if isinstance(node, nodes.Getattr) else _constant(node.arg)
        return NameUse(key, tree.label, node.lineno, column=True) if key else None
    return None


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "row"


def _constant(node: nodes.Node) -> str:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else ""


def _always(node: nodes.Node) -> Iterable[nodes.Node]:
    """The children that are looked at whenever `node` is."""
    if isinstance(node, nodes.Test) and node.name in _TESTS_OF_EXISTENCE:
        return ()
    if isinstance(node, nodes.Filter) and node.name in _DEFAULTS:
        return ()
    # `row.get("x")` and its like are methods of a mapping, not columns.
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and _is_row(node.node.node):
        return (*node.args, *node.kwargs)
    if type(node) in _ALWAYS:
        return tuple(getattr(node, field) for field in _ALWAYS[type(node)])
    return node.iter_child_nodes()


def _referenced(name: nodes.Expr, tree: TemplateTree) -> TemplateTree | None:
    return tree.loaded.get(_constant(name))


def unknown(
    trees: Iterable[TemplateTree], uses: Iterable[NameUse], known: set[str], columns: set[str]
) -> list[Problem]:
    """Tell which certain names do not exist; `known` are all names, `columns` those of the row alone."""
    assigned = frozenset[str]().union(*(tree.assigned() for tree in trees)) | _OWN
    problems: dict[tuple[str, str], Problem] = {}
    for use in uses:
        there = columns if use.column else known | assigned
        if use.name not in there:
            problems.setdefault((use.label, use.name), _problem(use, there))
    return list(problems.values())


def _spelled(use: NameUse, there: set[str] | frozenset[str]) -> str:
    """The spelling of a column that a name is only a part of: `E-Mail` is read as E less Mail."""
    column = next(
        (c for c in sorted(there) if not c.isidentifier() and use.name in re.split(r"\W+", c)), None
    )
    return f'a column with blanks or signs in its name is written row["{column}"]' if column else ""


def _resembling(use: NameUse, there: set[str] | frozenset[str]) -> str:
    """The name that may be meant, as it is written at this place; "" where none resembles it."""
    name = nearest_name(use.name, sorted(there))
    if name is None:
        return ""
    return f'did you mean "{name}"?' if use.column or name.isidentifier() else f'did you mean row["{name}"]?'


def _problem(use: NameUse, there: set[str] | frozenset[str]) -> Problem:
    what = f'there is no column "{use.name}"' if use.column else f'nothing is called "{use.name}"'
    hint = _spelled(use, there) or _resembling(use, there) or _HINT
    return Problem(f"line {use.line}: {what}", file=use.label, hint=hint)
