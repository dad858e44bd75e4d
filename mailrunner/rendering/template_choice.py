"""Templates that another one names by an expression, as in `{% include "cards/" ~ kind ~ ".html" %}`.

Which files make up a message is said by the template and the campaign file, never by a cell.  So a name is
made of what they give (constants, `vars`, what a template sets from these), and a row's value may choose
among names (`… if vip else …`, `vars.cards[kind]`) but be no name.  It may complete one after a fixed
folder, by a single plain part.

`ChoiceRules.problems` finds all else by reading the templates, and `ChoiceRules.guard` has what follows a
folder looked at whenever a row is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from typing import Any

from jinja2 import nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from mailrunner.errors import Problem
from mailrunner.rendering.environment import CampaignEnvironment
from mailrunner.rendering.inline_images import require_part
from mailrunner.rendering.template_names import TemplateTree, macro_names

_PROVIDED = frozenset({"campaign", "postal_address", "vars"})  # by the program, from the campaign file
_GUARD = "mailrunner: one part of a name"  # no template can spell such a filter
_HINT = 'give the folder of those that may be chosen, as in {% include "cards/" ~ kind ~ ".html" %}'
_RENDERED = ""  # no name: what a macro, a block or another template gives, or is given


class ChoiceRules:
    """The rules of what the name of a template may be made of.

    `names` are those whose values the campaign file gives: the keys of vars.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._given = _PROVIDED.union(names, DEFAULT_NAMESPACE)

    def problems(self, trees: Sequence[TemplateTree]) -> Iterator[Problem]:
        """The names in these trees, all that one refers to, that a row's value would make."""
        given = self._written(tree.root for tree in trees)
        for tree in trees:
            unguarded = self._written([tree.root])
            for node in _naming(tree.root):
                if not all(_is_allowed(name, given, unguarded) for name in _alternatives(node.template)):
                    message = f"line {node.lineno}: a row's value would name the template"
                    yield Problem(message, file=tree.label, hint=_HINT)

    def involved(self, trees: Sequence[TemplateTree]) -> frozenset[str]:
        """Every name that is held to be written and names a template: no column may be called so."""
        given = self._written(tree.root for tree in trees)
        found: set[str] = set()
        for tree in trees:
            for node in _naming(tree.root):
                operands = [one for name in _alternatives(node.template) for one in _operands(name)]
                found.update(*(names for names in map(_made_of, operands) if names <= given))
        sources = [source for tree in trees for source in _sources(tree.root)]
        while more := {name for target, names in sources if target in found for name in names} - found:
            found |= more
        return frozenset(found) - _PROVIDED

    def _written(self, roots: Iterable[nodes.Template]) -> set[str]:
        """The names that only hold what was written: scopes are not told apart, to be on the safe side."""
        sources = [source for root in roots for source in _sources(root)]
        written = self._given.union(target for target, _ in sources)
        while values := {target for target, names in sources if not names <= written} & written:
            written -= values
        return set(written)

    def guard(self, root: nodes.Template) -> None:
        """Have each value after a folder looked at: RowError at rendering where it is more than a part."""
        given = self._written([root])
        for node in _naming(root):
            node.template = _guarded(node.template, given)
        root.set_environment(root.environment)  # type: ignore[arg-type]


def folders(root: nodes.Template) -> set[str]:
    """The folders of templates that a parsed one may name by expressions: "cards/", or "" for all."""
    found = {_folder(_operands(name)) for node in _naming(root) for name in _alternatives(node.template)}
    return {"/".join([*parts, ""]) if parts else "" for parts in found}


class ChoiceEnvironment(CampaignEnvironment):
    """The sandbox, whose templates are changed by `parsed` once they are parsed: guarded, for one."""

    def __init__(self, *, parsed: Sequence[Callable[[nodes.Template], None]], **options: Any) -> None:
        super().__init__(**options)
        self.filters[_GUARD] = _one_part
        self._parsed = parsed

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        root = super()._parse(source, name, filename)
        for change in self._parsed:
            change(root)
        return root


def _one_part(value: object, name: str) -> str:
    text = str(value)
    require_part(text, f"the template {name}")
    return text


def _naming(root: nodes.Template) -> Iterator[Any]:
    """The statements that name a template by more than a constant."""
    for node in root.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
        if not isinstance(node.template, nodes.Const):  # type: ignore[attr-defined]
            yield node


def _alternatives(name: nodes.Node) -> list[nodes.Node]:
    """The expressions of which one gives the name: what chooses among them does not matter."""
    if isinstance(name, nodes.List | nodes.Tuple):
        return [one for item in name.items for one in _alternatives(item)]
    if isinstance(name, nodes.CondExpr):
        return [one for item in (name.expr1, name.expr2) if item for one in _alternatives(item)]
    if isinstance(name, nodes.Or | nodes.And):
        return [*_alternatives(name.left), *_alternatives(name.right)]
    return [name]


def _made_of(name: nodes.Node) -> set[str]:
    """The names that an expression takes its result from, and not only looks at to choose."""
    if isinstance(name, nodes.Name):
        return {name.name}
    if isinstance(name, nodes.CondExpr | nodes.Or | nodes.And | nodes.List | nodes.Tuple):
        parts: Iterable[nodes.Node] = _alternatives(name)
    else:
        parts = [name.node] if isinstance(name, nodes.Getitem) else name.iter_child_nodes()
    return {found for part in parts for found in _made_of(part)}


def _operands(name: nodes.Node) -> list[nodes.Node]:
    """The operands that `~` and `+` join."""
    if isinstance(name, nodes.Concat):
        return [part for node in name.nodes for part in _operands(node)]
    if isinstance(name, nodes.Add):
        return [*_operands(name.left), *_operands(name.right)]
    return [name]


def _is_allowed(name: nodes.Node, given: Set[str], unguarded: Set[str]) -> bool:
    """`given` are the written names by all templates, `unguarded` by this one, as it was guarded alone."""
    if _made_of(name) <= given:
        return True
    made_of = [_made_of(operand) for operand in _operands(name)]
    return bool(_folder(_operands(name))) and all(n <= given or not n <= unguarded for n in made_of)


def _folder(operands: Sequence[nodes.Node]) -> tuple[str, ...]:
    """The parts of the folder that a name begins with; () where it begins with none below that of all."""
    parts = _constant(operands[0]).split("/")[:-1]
    return () if {"", ".", ".."} & set(parts) else tuple(parts)


def _guarded(name: nodes.Expr, given: Set[str]) -> nodes.Expr:
    """The expression with a filter around each value that stands after a folder."""
    if isinstance(name, nodes.List | nodes.Tuple):
        name.items = [_guarded(item, given) for item in name.items]
    elif isinstance(name, nodes.CondExpr):
        name.expr1 = _guarded(name.expr1, given)
        name.expr2 = name.expr2 and _guarded(name.expr2, given)
    elif isinstance(name, nodes.Or | nodes.And):
        name.left, name.right = _guarded(name.left, given), _guarded(name.right, given)
    elif len(operands := _operands(name)) > 1 and _folder(operands):
        shown = "".join(_constant(one) or "{{ … }}" for one in operands)
        return nodes.Concat([_part(one, shown, given) for one in operands], lineno=name.lineno)
    return name


def _part(operand: Any, shown: str, given: Set[str]) -> nodes.Expr:
    if _made_of(operand) <= given:
        return operand  # type: ignore[no-any-return]
    what = nodes.Const(shown, lineno=operand.lineno)
    return nodes.Filter(operand, _GUARD, [what], [], None, None, lineno=operand.lineno)


def _constant(node: nodes.Node) -> str:
    return str(node.value) if isinstance(node, nodes.Const) else ""


def _sources(root: nodes.Template) -> Iterator[tuple[str, set[str]]]:
    """Each name that a template sets, and the names that it is made of."""
    for node in root.find_all((nodes.Assign, nodes.For, nodes.With)):
        for target, value in _settings(node):
            for named in (target, *target.find_all((nodes.Name, nodes.NSRef))):
                if isinstance(named, nodes.Name | nodes.NSRef):
                    yield named.name, _made_of(value)
    yield from ((name, {_RENDERED}) for name in _rendered(root))


def _rendered(root: nodes.Template) -> Iterator[str]:
    """The names of macros and of what they are given, of blocks that are set, and of what is imported."""
    for node in root.find_all((nodes.Macro, nodes.CallBlock, nodes.AssignBlock)):
        yield from (named.name for named in node.find_all(nodes.Name) if named.ctx in ("store", "param"))
    yield from macro_names(root)


def _settings(node: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    if isinstance(node, nodes.Assign):
        yield node.target, node.node
    elif isinstance(node, nodes.For):
        yield node.target, node.iter
    elif isinstance(node, nodes.With):
        yield from zip(node.targets, node.values, strict=True)
