"""CSS inlined once per shape of a message, and its values filled in after that.

Promise: `ShapeInliner.inline` gives what `PremailerInliner.inline` gives for the rendered message, byte
for byte, or the same RowError.  There are three ways to it:

    plan        a `Shape` made earlier, filled: microseconds           `plans`
    cached      premailer's steps with a cache: a tenth of its time    `cached`
    premailer   itself: always in strict mode

A shape is planned when it is met for the second time, so that one which never comes back costs nothing
more.  Where the plans made so far have not paid for themselves, as for a digest whose every message has
parts of its own, a shape must come more often.  Whatever a plan does not know for sure goes the second
way, for that message only.

Both quicker ways are sound by their own arguments and are compared with premailer all the same: the first
messages of each template, the plans with the numbers 1, 2, 4, 8, … and one in 64, one message in 5,000.  The
first difference ends them for this inliner: from then on, and for the very message where it was
found, premailer itself is asked, and `tally.mismatch` says so.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import NamedTuple

from mailrunner.errors import RowError
from mailrunner.rendering.compiled_template import CompiledTemplate, RenderedPage
from mailrunner.rendering.inlining.cached import CachedInliner
from mailrunner.rendering.inlining.lru import LruCache
from mailrunner.rendering.inlining.plans import DocumentForm, Key, NoPlanError, Planner, Shape
from mailrunner.rendering.inlining.premailer import PremailerInliner
from mailrunner.rendering.segments import SegmentedText

_FIRST_MESSAGES = 3  # of each template, compared with premailer
_FIRST_PLANS = 20  # for so long a plan is made at a shape's second sight, whatever it brings
_EVERY_PLAN, _EVERY_MESSAGE = 64, 5000  # are compared: premailer takes as long as 500 hits
_SIGHTS_DUE, _SIGHTS_DUE_LATER = 2, 4
_PAYS = 30  # a plan takes as long as so many messages by the cached inliner, and each hit saves most of one
_FORM_BYTES, _SHAPE_BYTES, _SIGHTS = 16_000_000, 64_000_000, 20_000


Rendered = SegmentedText | RenderedPage
"""The rendering of a template for one row."""


class Inlined(NamedTuple):
    """An inlined document, in one piece or, with a shape, in that shape's pieces with values between them.

    `source` is what it was made from.
    """

    page: SegmentedText
    shape: Shape | None = None
    source: Rendered = RenderedPage("")

    @property
    def html(self) -> str:
        """The whole document."""
        return self.page.text


@dataclass(frozen=True, slots=True)
class InliningTally:
    """Messages inlined each way: `hits` from plans, `memo` by the cached steps, `strict` by premailer.

    `reasons` counts why messages were no hits; `mismatch` says why the quick ways were given up.
    The names of the fields are keys of the event `inlined` in `--log-json`.
    """

    messages: int = 0
    hits: int = 0
    memo: int = 0
    strict: int = 0
    plans: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    mismatch: str | None = None


class ShapeInliner:
    """Inlines the messages of a campaign; several threads may call `inline` at once."""

    def __init__(self, *, strict: bool = False, check_every: int = _EVERY_MESSAGE) -> None:
        """`strict` asks premailer for every message; else one in `check_every` is compared with it."""
        self._strict, self._check_every = strict, check_every
        self._premailer = PremailerInliner()
        self._cached = CachedInliner(self._premailer)
        self._planner = Planner(self._cached)
        self._forms: LruCache[tuple[str, ...], DocumentForm | str] = LruCache(_FORM_BYTES)
        self._shapes: LruCache[tuple[DocumentForm, Key], Shape | str] = LruCache(_SHAPE_BYTES)
        self._seen: LruCache[int, int] = LruCache(_SIGHTS)
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._met: Counter[str] = Counter()  # messages by template
        self._mismatch: str | None = None

    @property
    def tally(self) -> InliningTally:
        """The counts so far."""
        with self._counting:
            return InliningTally(**self._counts, reasons=self._reasons.copy(), mismatch=self._mismatch)

    def inline(self, template: CompiledTemplate, context: Mapping[str, object]) -> Inlined:
        """Render a template for one row and inline its CSS; raise RowError if either cannot be done."""
        number = self._count("messages")
        segments = template.segments(context)
        source = segments or template.page(context)
        if self._strict or self._mismatch:
            return self._by_premailer(template, context, source)
        if segments is None:
            reason = "a template that cannot be taken apart"
            return self._by_cached(template, context, source, reason, number)
        try:
            shape, values = self._known(segments) or self._planned(template, context, segments)
        except NoPlanError as reason:
            return self._by_cached(template, context, segments, str(reason), number)
        page = SegmentedText(shape.pieces, tuple(values))
        if number % self._check_every == 0:
            self._compare(template, context, page.text)
        if self._mismatch:
            return self._by_premailer(template, context, segments)
        self._count("hits")
        return Inlined(page, shape, segments)

    def _known(self, segments: SegmentedText) -> tuple[Shape, Sequence[str]] | None:
        """The plan for a message and the values to fill in; None where it is time to make one.

        Raises NoPlanError, saying why, where it is too early or there can be none.
        """
        form = self._forms[segments.statics]
        if form is None:
            self._sighted(segments.statics, "of its form")
            return None
        if isinstance(form, str):
            raise NoPlanError(form)
        if form.clean is not None:  # looked at right here: nearly every message ends with this loop
            values: Sequence[str] = segments.values
            for are_clean, of_kind, many in form.clean:
                joined = "\0".join(of_kind(values)) + "\0"
                if joined.count("\0") != many or not are_clean(joined):
                    break
            else:
                shape = self._shapes[form, form.clean_key]
                if isinstance(shape, Shape):
                    return shape, values
        key, values = form.key(segments.values)
        shape = self._shapes[form, key]
        if shape is None:
            self._sighted((form, key), "with its values")
            return None
        if isinstance(shape, str):
            raise NoPlanError(shape)
        return shape, values

    def _sighted(self, what: tuple[object, ...], which: str) -> None:
        """Return if it was seen often enough; a hash will do, as nothing but the time depends on it."""
        sight = hash(what)
        times = (self._seen[sight] or 0) + 1
        if times < self._sights_due():
            self._seen.put(sight, times, 1)
            raise NoPlanError(f"a first message {which}" if times == 1 else f"too few messages {which}")

    def _sights_due(self) -> int:
        with self._counting:
            plans = self._counts["plans"]
            pays = plans < _FIRST_PLANS or self._counts["hits"] > plans * _PAYS
        return _SIGHTS_DUE if pays else _SIGHTS_DUE_LATER

    def _planned(
        self, template: CompiledTemplate, context: Mapping[str, object], segments: SegmentedText
    ) -> tuple[Shape, Sequence[str]]:
        """Make a plan and keep it, or the reason why there can be none."""
        _without_nul(segments.text)
        form = self._forms[segments.statics]
        try:
            if not isinstance(form, DocumentForm):
                form = self._planner.form(segments)
                self._forms.put(segments.statics, form, _size(segments.statics))
            plan = self._planner.plan(segments, form)
        except RowError as error:  # other values may well give a document
            raise NoPlanError("a document that cannot be inlined") from error
        except Exception as error:
            reason = str(error) if isinstance(error, NoPlanError) else "a document that cannot be planned"
            self._refuse(segments, form, reason)
            raise NoPlanError(reason) from error
        if plan.form is not form:
            self._forms.put(segments.statics, plan.form, _size(segments.statics))
        self._shapes.put((plan.form, plan.key), plan.shape, _size(plan.shape.pieces))
        number = self._count("plans")
        if number & (number - 1) == 0 or number % _EVERY_PLAN == 0:
            self._compare(template, context, plan.shape.fill(plan.values))
        return plan.shape, plan.values

    def _refuse(self, segments: SegmentedText, form: DocumentForm | str | None, reason: str) -> None:
        """Remember that there is no plan: for these values, or for all where there is not even a form."""
        if isinstance(form, DocumentForm):
            self._shapes.put((form, form.key(segments.values)[0]), reason, _size(()))
        else:
            self._forms.put(segments.statics, reason, _size(segments.statics))

    def _by_cached(
        self,
        template: CompiledTemplate,
        context: Mapping[str, object],
        source: Rendered,
        reason: str,
        number: int,
    ) -> Inlined:
        inlined = self._cached.inline(_without_nul(source.text))
        if self._is_new(template) or number % self._check_every == 0:
            self._compare(template, context, inlined)
        if self._mismatch:
            return self._by_premailer(template, context, source)
        self._count("memo", reason)
        return Inlined(SegmentedText((inlined,)), source=source)

    def _by_premailer(
        self, template: CompiledTemplate, context: Mapping[str, object], source: Rendered
    ) -> Inlined:
        self._count("strict")
        # Where values are told apart, the plain rendering is the floor that this was made to be equal to.
        html = template.render(context) if isinstance(source, SegmentedText) else source.text
        return Inlined(SegmentedText((self._premailer.inline(_without_nul(html)),)), source=source)

    def _compare(self, template: CompiledTemplate, context: Mapping[str, object], html: str) -> None:
        """Give up the quick ways if this is not what premailer makes of the message."""
        right = self._premailer.inline(template.render(context))
        if html != right:
            self._mismatch = f"{template.label}: {_difference(html, right)}"

    def _is_new(self, template: CompiledTemplate) -> bool:
        with self._counting:
            self._met[template.label] += 1
            return self._met[template.label] <= _FIRST_MESSAGES

    def _count(self, what: str, reason: str = "") -> int:
        with self._counting:
            self._counts[what] += 1
            if reason:
                self._reasons[reason] += 1
            return self._counts[what]


def _without_nul(html: str) -> str:
    """Parsers end at a NUL or drop it; no reader would get what was meant."""
    if "\0" in html:
        raise RowError("the HTML contains a NUL character")
    return html


def _size(texts: Iterable[str]) -> int:
    """About how many bytes an entry with these texts takes."""
    return 500 + sum(map(getsizeof, texts))


def _difference(html: str, right: str) -> str:
    """A sentence on the first difference of two documents."""
    differing = (n for n, (a, b) in enumerate(zip(html, right, strict=False)) if a != b)
    place = next(differing, min(len(html), len(right)))
    near = slice(max(0, place - 20), place + 20)
    return f"at character {place} it has {html[near]!r} where premailer has {right[near]!r}"
