"""Jinja's sandbox, in which a rendering is charged for its work before it is done.

Every way to much out of little is counted: operators, calls, filters, tests, literals, comparisons,
loops, includes, and what is written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEscapeFormatter, SandboxedFormatter
from jinja2.utils import generate_lorem_ipsum
from markupsafe import Markup

from mailrunner.config.jinja_sandbox import costs
from mailrunner.config.jinja_sandbox.code import BoundedCode
from mailrunner.config.jinja_sandbox.work_meter import STEP, charge, size, steps, weighed

_BODY = 300  # units of what a macro or a block does, beside its loops
_WORD = 10  # characters, and more than one of Jinja's nonsense has
# What takes the same time however large the value is.
_FREE_METHODS = frozenset({"get", "items", "keys", "values"})
_FREE_FILTERS = frozenset({"attr", "count", "d", "default", "first", "last", "length", "random", "safe"})
_FREE_TESTS = frozenset({
    "boolean", "callable", "defined", "even", "false", "filter", "float", "integer", "iterable", "mapping",
    "none", "number", "odd", "sequence", "string", "test", "true", "undefined",
})  # fmt: skip


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """The sandbox: whoever has something rendered sets `METER.left` to `WORK` before it.

    All that is too much raises TooMuchWorkError, from within the rendering.
    """

    code_generator_class = BoundedCode
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    charge = staticmethod(charge)
    steps = staticmethod(steps)
    weighed = staticmethod(weighed)

    def __init__(self, *, finalize: Callable[[Any], Any] | None = None, **options: Any) -> None:
        """`finalize` is what is done to each value before it is written."""
        super().__init__(finalize=_weighing(finalize), **options)
        filters = self.filters.items()
        self.filters = {name: f if name in _FREE_FILTERS else _filter(name, f) for name, f in filters}
        tests: dict[str, Any] = self.tests
        self.tests = {name: t if name in _FREE_TESTS else _test(t) for name, t in tests.items()}
        self.globals["lipsum"] = _lipsum

    def add_filters(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        """Let templates use `filters` of ours, which are charged for like Jinja's."""
        self.filters |= {name: _filter(name, function) for name, function in filters.items()}

    def concat(self, pieces: Iterable[str]) -> str:
        """Join a part of the output, which may have been written piece by piece a million times."""
        joined = list(pieces)
        charge(sum(map(len, joined)))
        return "".join(joined)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator."""
        charge(costs.binary(operator, left, right))
        return self.binop_table[operator](left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a function, a method or a macro; names as in Jinja, so that they clash with no argument."""
        if __obj is steps:
            return steps(*args)
        if isinstance(__obj, LoopContext) and args:
            args = (steps(args[0]), *args[1:])
        elif getattr(__obj, "__name__", "") == "join":
            args = tuple(map(costs.materialised, args))
        charge(_call_cost(__obj, args, kwargs))
        return weighed(super().call(__context, __obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """As Jinja's, with each field charged for."""
        if super().wrap_str_format(value) is None:
            return None
        text, takes_mapping = value.__self__, value.__name__ == "format_map"
        is_markup = isinstance(text, Markup)
        formatter = _EscapingFields(self, escape=text.escape) if is_markup else _Fields(self)

        def bounded(*args: Any, **kwargs: Any) -> str:
            if takes_mapping:
                args, kwargs = (), *args
            charge(len(text))
            return type(text)(formatter.vformat(text, args, kwargs))  # type: ignore[no-any-return]

        return functools.update_wrapper(bounded, value)


class _BoundedFields(SandboxedFormatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        charge(costs.formatted(value, format_spec))
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion:
            charge(size(value))
        return super().convert_field(value, conversion)


class _Fields(_BoundedFields):
    """The fields of a plain text."""


class _EscapingFields(_BoundedFields, SandboxedEscapeFormatter):
    """The fields of a text that escapes its values."""


def _weighing(finalize: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    if finalize is None:
        return weighed
    return lambda value: finalize(weighed(value))


def _call_cost(called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    given = STEP + sum(map(size, args)) + sum(map(size, kwargs.values()))
    if isinstance(called, Macro | BlockReference):
        return given + _BODY
    name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
    if owner is None or name in _FREE_METHODS:
        return given
    charge(given + size(owner))
    return costs.called(name, owner, args, kwargs)


def _filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    ahead = int(hasattr(function, "jinja_pass_arg"))  # the context, or the environment

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        if name in costs.NEED_ALL and len(args) > ahead:
            args = (*args[:ahead], costs.materialised(args[ahead]), *args[ahead + 1 :])
        given = args[ahead:]
        charge(STEP + sum(map(size, given)) + sum(map(size, kwargs.values())))
        charge(costs.filtered(name, given, kwargs))
        return weighed(function(*args, **kwargs))

    return bounded


def _test(function: Callable[..., Any]) -> Callable[..., Any]:
    ahead = int(hasattr(function, "jinja_pass_arg"))

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        charge(sum(map(size, args[ahead:])))
        return function(*args, **kwargs)

    return bounded


@functools.wraps(generate_lorem_ipsum)
def _lipsum(n: int = 5, html: bool = True, **lengths: int) -> str:
    charge(n * lengths.get("max", 100) * _WORD)
    return generate_lorem_ipsum(n, html, **lengths)
