"""The `where` of a recipient list: a Jinja expression over one row, compiled once in the sandbox.

Mistakes that would fail on every row are found without a row: bad syntax, a column that does not exist, a
comparison of text with a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from mailrunner.config.jinja_sandbox import METER, WORK, BoundedSandbox
from mailrunner.errors import nearest

_TEXT = "text"
_RESULT = "__where__"


# What SQL, Excel and other languages write, with what is written here; strings are left out before.
_ELSEWHERE = (
    (re.compile(r"(?<![=!<>])=(?!=)"), "equal is =="),
    (re.compile(r"<>"), "not equal is !="),
    (re.compile(r"&&|\|\|"), "write and, or"),
    (re.compile(r"\b(?:AND|OR|NOT|IN)\b"), "and, or, not, in are written small"),
    (re.compile(r"\blike\b", re.IGNORECASE), "instead of LIKE write name.startswith('A') or 'a' in name"),
    (re.compile(r"\bis\s+(?:not\s+)?null\b", re.IGNORECASE), "an empty cell is ''"),
)
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")


def expression_hint(expression: str, columns: Iterable[str]) -> str:
    """The next step for an expression that cannot be read."""
    bare = _STRING.sub("''", expression)
    odd = (name for name in columns if not name.isidentifier() and name in bare)
    if name := max(odd, key=len, default=""):
        return f"a column with blanks or signs in its name is written row['{name}']"
    found = (hint for pattern, hint in _ELSEWHERE if pattern.search(bare))
    return next(found, "e.g. country == 'RO' and points > 100")


class RowFilter:
    """A compiled condition: `condition(values)` is true for the rows to keep.

    `types` maps each column to its type, "text" where none is named; the expression may use `row` and
    `recipient` too.  The constructor raises ValueError for bad syntax; `problems()` yields all others.
    """

    def __init__(self, expression: str, types: Mapping[str, str]) -> None:
        self._types = types
        environment = BoundedSandbox(undefined=StrictUndefined)
        environment.globals.clear()  # a row has columns and nothing else
        try:
            self._tree = _parse(environment, expression)
            self.names = frozenset(name.name for name in _nodes(self._tree, nodes.Name))
            # Parsed anew: compiling folds the constants of its tree, and `problems` needs them as written.
            tree = _parse(environment, expression)
            body: list[nodes.Node] = [nodes.Assign(nodes.Name(_RESULT, "store"), tree, lineno=1)]
            self._template = environment.from_string(nodes.Template(body, lineno=1))
        except TemplateSyntaxError as error:
            raise ValueError(f"it is no expression: {error.message}") from None
        except RecursionError:
            raise ValueError("it nests too deeply") from None
        # One context for all rows: making one takes five times as long as evaluating a row.
        self._variables: dict[str, Any] = {}
        self._context = self._template.new_context(self._variables, shared=True)

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Evaluate one row; raise whatever the expression raises (jinja2.UndefinedError, TypeError, …).

        Not for several threads at once.
        """
        METER.left = WORK
        self._variables.clear()
        self._variables.update(values)
        for _ in self._template.root_render_func(self._context):
            pass
        return bool(self._context.vars.pop(_RESULT))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the message and the hint of each mistake that concerns every row."""
        for name in sorted(self.names - {*self._types, "row", "recipient"}):
            hint = nearest(name, self._types) or f"the columns are {', '.join(self._types)}"
            yield f'there is no column "{name}"', hint
        for left, right in self._pairs():
            yield from self._mismatch(left, right)

    def _pairs(self) -> Iterator[tuple[nodes.Node, nodes.Node]]:
        """Both sides of each comparison and calculation; for `in`, each item of the list."""
        for compare in _nodes(self._tree, nodes.Compare):
            left: nodes.Node = compare.expr
            for operand in compare.ops:
                if operand.op in ("in", "notin"):
                    items = operand.expr.items if isinstance(operand.expr, nodes.List | nodes.Tuple) else []
                    yield from ((left, item) for item in items)
                else:
                    yield left, operand.expr
                left = operand.expr
        for sum_ in _nodes(self._tree, (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div)):
            yield sum_.left, sum_.right

    def _mismatch(self, left: nodes.Node, right: nodes.Node) -> Iterator[tuple[str, str]]:
        types = {self._type(left), self._type(right)}
        column = self._column(left) or self._column(right)
        if None in types or len(types) == 1 or types == {"bool", "number"} or column is None:
            return
        own = self._types[column]
        other = next(name for name in types if name and name != _general(own))
        yield f'the column "{column}" is {own} and is compared with {other}', _advice(column, own, other)

    def _column(self, node: nodes.Node) -> str | None:
        """The column that a node is, as a name or as `row["name"]`."""
        name: object = None
        if isinstance(node, nodes.Name):
            name = node.name
        elif (
            isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and node.node.name == "row"
        ):
            name = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return name if isinstance(name, str) and name in self._types else None

    def _type(self, node: nodes.Node) -> str | None:
        """ "text", "number", "bool", "date" or "datetime"; None where it depends on the row."""
        if isinstance(node, nodes.Neg | nodes.Pos):
            return self._type(node.node)
        if isinstance(node, nodes.Const):
            return _constant_type(node.value)
        column = self._column(node)
        return None if column is None else _general(self._types[column])


def _parse(environment: BoundedSandbox, expression: str) -> nodes.Expr:
    parser = Parser(environment, expression, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        parser.fail("one expression is enough", parser.stream.current.lineno)
    tree.set_environment(environment)
    return tree


def _nodes(tree: nodes.Node, node_type: Any) -> Iterable[Any]:
    """Every node of a type, the root too (Jinja's find_all leaves it out)."""
    if isinstance(tree, node_type):
        yield tree
    yield from tree.find_all(node_type)


def _constant_type(value: object) -> str | None:
    for name, types in ((_TEXT, str), ("bool", bool), ("number", (int, float))):
        if isinstance(value, types):
            return name
    return None


def _general(type_name: str) -> str:
    return "number" if type_name in ("int", "float") else type_name


def _advice(column: str, own: str, other: str) -> str:
    if own == "bool":
        return "write true or false without quotation marks"
    if own != _TEXT:
        return (
            "write the number without quotation marks"
            if _general(own) == "number"
            else f'leave "{column}" out of types'
        )
    proposed = {"number": "int"}.get(other, other)
    return f'add {column} = "{proposed}" to types'
