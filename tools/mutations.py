"""Mutations of a module: small changes of its syntax tree, each of which a test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeGuard

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_SYMMETRIC = ("min", "max", "uniform")  # the order of their arguments says nothing
_NOT_RUN = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: of line `line`, shown as `before` and `after`; `tree` is the whole module with it."""

    line: int
    kind: str
    before: str
    after: str
    tree: ast.Module = field(compare=False, repr=False)

    @property
    def change(self) -> str:
        return f"{self.before} → {self.after}"

    @property
    def source(self) -> str:
        """The text of the whole module with the change."""
        return ast.unparse(ast.fix_missing_locations(self.tree))


def mutations(source: str) -> list[Mutation]:
    """Every mutation of a module's source, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for place, statement in enumerate(_statements(tree)):
        for number in range(len(list(_changes(statement)))):
            found.append(_mutated(source, place, number))
    return [each for each in found if each.before != each.after]


def _mutated(source: str, place: int, number: int) -> Mutation:
    tree = ast.parse(source)
    statement = list(_statements(tree))[place]
    before = _shown(statement)
    kind, change = list(_changes(statement))[number]
    change()
    return Mutation(statement.lineno, kind, before, _shown(statement), tree)


def _shown(statement: ast.stmt) -> str:
    """The first line of a statement, its body left out."""
    shallow = copy.copy(statement)
    if hasattr(shallow, "body"):
        shallow.body, shallow.orelse, shallow.finalbody = [ast.Pass()], [], []  # type: ignore[attr-defined]
        if isinstance(shallow, ast.Try):
            shallow.handlers = [ast.ExceptHandler(body=[ast.Pass()])]
    return " ".join(ast.unparse(shallow).removesuffix("pass").split())


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Every statement that does something, outermost first."""

    def walk(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in body:
            if isinstance(statement, _NOT_RUN) or _is_text(statement) or _is_for_types(statement):
                continue
            yield statement
            for name in ("body", "orelse", "finalbody"):
                yield from walk(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from walk(handler.body)

    yield from walk(tree.body)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


Change = tuple[str, Callable[[], None]]


def _changes(statement: ast.stmt) -> Iterator[Change]:
    """Every change of one statement, those of statements inside it left out."""
    yield from _dropped(statement)
    if isinstance(statement, ast.Return) and ast.unparse(statement) not in ("return", "return None"):
        yield "returned value", lambda: setattr(statement, "value", ast.Constant(None))
    for node in _expressions(statement):
        yield from _changes_of(node)


def _dropped(statement: ast.stmt) -> Iterator[Change]:
    if isinstance(statement, ast.Expr | ast.AugAssign) and not isinstance(
        getattr(statement, "value", None), ast.Yield | ast.YieldFrom
    ):

        def drop() -> None:
            statement.__class__ = ast.Pass  # type: ignore[assignment]

        yield "dropped statement", drop


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement: not its annotations, decorators and inner statements."""
    skipped = {"body", "orelse", "finalbody", "handlers", "annotation", "returns", "decorator_list", "args"}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name, value in ast.iter_fields(statement):
        if name in skipped:
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                checks = {id(each.value) for each in ast.walk(node) if _is_a_check(each)}
                yield from (each for each in ast.walk(node) if id(each) not in checks)


def _is_a_check(node: ast.AST) -> TypeGuard[ast.keyword]:
    """True for the `strict` of zip: as an assertion, it says what cannot happen."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _changes_of(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = _COMPARED[type(operator)]()
            yield "comparison", partial(node.ops.__setitem__, place, other)
    elif isinstance(node, ast.BoolOp):
        opposite = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean", partial(setattr, node, "op", opposite)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "boolean", lambda: _unnegate(node)
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield "arithmetic", lambda: setattr(node, "op", _COMPUTED[type(node.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "constant", partial(setattr, node, "value", node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield "swapped branches", lambda: _swap(node)
    elif isinstance(node, ast.Call):
        yield from _changes_of_call(node)


def _changes_of_call(node: ast.Call) -> Iterator[Change]:
    ordered = ast.unparse(node.func).rpartition(".")[2] not in _SYMMETRIC
    if ordered and len(node.args) == 2 and not any(isinstance(each, ast.Starred) for each in node.args):
        yield "swapped arguments", node.args.reverse
    for keyword in node.keywords:
        if keyword.arg is not None and not _is_a_check(keyword):
            yield "dropped argument", partial(node.keywords.remove, keyword)


def _unnegate(node: ast.UnaryOp) -> None:
    """`not x` becomes `not (not x)`: as true as x."""
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _swap(node: ast.IfExp) -> None:
    node.body, node.orelse = node.orelse, node.body
