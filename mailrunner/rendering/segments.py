"""Renderings as segments: the values, and the static texts of the template around them.

`SegmentingEnvironment` compiles templates so that every `{{ … }}` yields its value in a tuple, and what
stands around it stays the same string object from row to row, whose hash Python remembers.  Where Jinja
joins a part of the output on its way (macros, `super()`), the values in it are put between two marks made
of a number that no row can know.

Sound, because such a joined part may only be written out again: `keeps_segments` reads the templates and
refuses whatever could look at it, measure it or change it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from jinja2 import Template, nodes
from jinja2.compiler import Frame
from markupsafe import escape

from mailrunner.config.jinja_sandbox import METER, WORK, BoundedCode
from mailrunner.rendering.environment import CampaignEnvironment
from mailrunner.rendering.template_names import macro_names

LARGEST = 10_000_000  # characters of one rendered template; far beyond what any mailbox takes

Piece = str | tuple[str]
Segmenting = Callable[[Mapping[str, object]], "SegmentedText | None"]
"""Renders a template for one row, whose context is given; None where only Jinja's own rendering will do."""

LONGEST_LINE = 1000  # characters; whatever is longer is Jinja's, which has a limit of its own

# They join what was rendered and hand it to an expression, or choose the escaping at run time.
_REFUSED = (nodes.FilterBlock, nodes.AssignBlock, nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)
_RENDERED = frozenset({"caller", "self", "super"})
# The same row must give the same text when a rendering is compared with another.
_CHANCE = frozenset({"lipsum", "random"})


_LARGEST_FLAT = 1_000_000  # characters of a whole rendering: far below what Jinja's is bounded by

Read = tuple[str, str, bool]
"""A name of the row, what is read of its value ("" for the value itself), and if that is an item."""


class SegmentedText(NamedTuple):
    """A text in pieces: the n values as they stand in it, and the n+1 fixed texts around them."""

    statics: tuple[str, ...]
    values: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The plain text."""
        return interleaved(self.statics, self.values)


def unsegmented(_: Mapping[str, object]) -> SegmentedText | None:
    """The `Segmenting` of a template whose values cannot be told apart."""
    return None


class _SegmentingCode(BoundedCode):
    """Writes a call of `environment.value` where Jinja writes one of `escape` or `str`."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("environment.value(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")


class SegmentingEnvironment(CampaignEnvironment):
    """The sandbox, with compiled templates that yield each value as a tuple of one string.

    `finalize` is applied to all values but plain strings, which it must leave as they are.
    """

    code_generator_class = _SegmentingCode

    def __init__(self, *, autoescape: bool, finalize: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(autoescape=autoescape, finalize=finalize, **options)
        self._mark = f"\ue000{secrets.token_hex(8)}"
        self._joined = lru_cache(maxsize=1024)("".join)
        written = self.finalize or finalize
        self.value = _escaping(written) if autoescape else _plain(written)

    def segmenting(self, template: Template) -> Segmenting:
        """Return what renders a template that this environment has compiled, up to `LARGEST` characters."""
        # Jinja copies the names that it provides itself for each rendering: from a dictionary, not
        # through the layers by which it would see later additions, it does so in a tenth of the time.
        template.globals = dict(template.globals)
        root, new_context = template.root_render_func, template.new_context

        def segments(context: Mapping[str, object]) -> SegmentedText | None:
            METER.left = WORK
            try:
                return self._segmented(root(new_context(dict(context))))
            except Exception:  # Jinja's own rendering raises it again, as an error of this row
                return None

        return segments

    def concat(self, pieces: Iterable[Piece]) -> str:
        """Join a part of the output, its values between marks; a fragment has marks of its own."""
        mark = self._mark
        return super().concat(
            (p[0] if mark in p[0] else f"{mark}{p[0]}{mark}") if isinstance(p, tuple) else str(p)
            for p in pieces
        )

    def _segmented(self, pieces: Iterable[Piece]) -> SegmentedText | None:
        """Tell the values of a whole output from the texts around them; None beyond `LARGEST` characters."""
        statics: list[str] = []
        values: list[str] = []
        run: list[str] = []  # the texts since the last value
        size = 0
        mark = self._mark
        for piece in pieces:
            if type(piece) is str:
                run.append(piece)
                size += len(piece)
            else:
                text: str = piece[0] if type(piece) is tuple else piece  # type: ignore[assignment]
                size += len(text)
                if mark in text:
                    self._take_apart(text, run, statics, values)
                elif type(piece) is tuple:
                    statics.append(run[0] if len(run) == 1 else self._joined(tuple(run)))
                    values.append(text)
                    run = []
                else:  # what a call block gives, without a value in it
                    run.append(str.__str__(text))
            if size > LARGEST:
                return None
        statics.append(self._joined(tuple(run)))
        return SegmentedText(tuple(statics), tuple(values))

    def _take_apart(self, fragment: str, run: list[str], statics: list[str], values: list[str]) -> None:
        texts = fragment.split(self._mark)
        for static, value in zip(texts[::2], texts[1::2], strict=False):
            statics.append(self._joined((*run, static)) if run else static)
            values.append(value)
            run.clear()
        run.append(texts[-1])


def interleaved(fixed: Sequence[str], values: Sequence[str]) -> str:
    """Return n+1 fixed texts with n values between them."""
    pieces: list[Any] = [None] * (len(fixed) + len(values))
    pieces[::2] = fixed
    pieces[1::2] = values
    return "".join(pieces)


def keeps_segments(roots: Iterable[nodes.Template], *, escaped: bool) -> bool:
    """True if these templates, all that one refers to, write rendered parts out as they are.

    A rendered part is what a macro, `caller`, `super` or `self` gives.  Where values are not escaped,
    what a call block gives cannot be told from the text of the template.
    """
    trees = list(roots)
    if not escaped and any(next(root.find_all(nodes.CallBlock), None) for root in trees):
        return False
    macros = _RENDERED.union(*(macro_names(root) for root in trees))
    return all(_keeps_segments(root, macros) for root in trees)


class LineTemplate:
    """A template of one line, such as the subject; `render` gives what the template gives.

    Most are a few words and a name or two.  Such a line is joined here, for a third of what a call of Jinja
    costs; and since it is joined only where every name is plain text in the row, the result is the same:
    Jinja would look the name up in the row first, and write the text as it is.
    """

    def __init__(self, root: nodes.Template, render: Callable[[Mapping[str, object]], str]) -> None:
        """`root` is the parsed template, `render` its rendering by Jinja, which may raise RowError."""
        words = _words(root) or []
        self._words: list[object] = [word for _, word in words]
        self._names = [(place, word) for place, (is_name, word) in enumerate(words) if is_name]
        self._render = render

    def render(self, context: Mapping[str, object]) -> str:
        """Return the line for one row; raise RowError, with a sentence, if it has none."""
        words = self._words.copy()
        for place, name in self._names:
            words[place] = context.get(name)
        if set(map(type, words)) == {str}:
            line = "".join(words)  # type: ignore[arg-type]
            if len(line) < LONGEST_LINE:
                return line
        return self._render(context)


def escaped_text(text: str) -> str:
    """Escape as markupsafe does, without the costly Markup around it."""
    text = text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def _escaping(finalize: Callable[[Any], Any]) -> Callable[[Any], tuple[str]]:
    def value(given: Any) -> tuple[str]:
        if type(given) is str and len(given) < LONGEST_LINE:
            return (given if given.isalnum() else escaped_text(given),)
        return (str.__str__(escape(finalize(given))),)

    return value


def _plain(finalize: Callable[[Any], Any]) -> Callable[[Any], tuple[str]]:
    return lambda given: (
        given if type(given) is str and len(given) < LONGEST_LINE else str.__str__(str(finalize(given))),
    )


def _keeps_segments(root: nodes.Template, macros: frozenset[str]) -> bool:
    if next(root.find_all(_REFUSED), None) is not None:
        return False
    if any(loop.recursive for loop in root.find_all(nodes.For)):
        return False
    named = root.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport))
    if not all(isinstance(node.template, nodes.Const) for node in named):  # type: ignore[attr-defined]
        return False
    if any(node.name in _CHANCE for node in root.find_all((nodes.Filter, nodes.Name))):  # type: ignore[attr-defined]
        return False
    uses = sum(node.name in macros and node.ctx == "load" for node in root.find_all(nodes.Name))
    return uses == sum((_called(node) or "") in macros for node in _written(root))


def _written(root: nodes.Template) -> Iterator[nodes.Node | None]:
    """The expressions whose value is written out as it is."""
    for output in root.find_all(nodes.Output):
        for node in output.nodes:
            yield from (node.expr1, node.expr2) if isinstance(node, nodes.CondExpr) else (node,)
    for block in root.find_all(nodes.CallBlock):
        yield block.call


def _called(node: nodes.Node | None) -> str | None:
    """The name in `name(…)` or `name.part(…)`."""
    if not isinstance(node, nodes.Call):
        return None
    called = node.node.node if isinstance(node.node, nodes.Getattr) else node.node
    return called.name if isinstance(called, nodes.Name) else None


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


def flat_segments(root: nodes.Template, rendered: Segmenting, *, escaped: bool) -> Segmenting:
    """What renders a parsed template for a row; `rendered`, which is Jinja's, where it is not flat.

    Of nothing but texts and names, as most are, it is joined here, without a call of Jinja: the texts are
    always the same, and a name that stands there twenty times is looked up and escaped once.  A row with
    anything but short plain text in one of these names is Jinja's, so the result is the same.
    """
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
    if not reads or sum(map(len, statics)) + len(reads) * LONGEST_LINE > _LARGEST_FLAT:
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
