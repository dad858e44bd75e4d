"""The two bodies of a message, HTML and text, encoded.

What the messages of one shape have in common is encoded once: the document's fixed pieces, its text
part, and which images it names.  A message of a known shape then costs little more than its values; any
other is encoded whole.  Both ways give a reader the same texts.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import NamedTuple
from weakref import WeakKeyDictionary

from mailrunner.errors import RowError
from mailrunner.rendering import quoted_printable
from mailrunner.rendering.attachments import fixed_inline_names, inline_names
from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.inlining.segments import SegmentedText
from mailrunner.rendering.inlining.shape_cache import Inlined, Shape, ShapeInliner
from mailrunner.rendering.inlining.text_plans import TextPlans, Values
from mailrunner.rendering.mime import Part, half_a_character, quoted_part, text_part
from mailrunner.rendering.templates import Template

_TEXT_SHAPES = 64  # of a text template, encoded and kept
_SAMPLE = 5000  # one in so many planned texts is compared with its document

# Why a text part was made from its own document.
_NEW = "text: of a document whose shape is not known"
_ODD = "text: a value with a control character or a rare entity"
_UNPLANNED = "text: no plan, or not yet"
_WRONG = "text: a plan was wrong"


class Body(NamedTuple):
    """The body of one message: as people see it, encoded, and the images that it names."""

    html: SegmentedText | None
    text: SegmentedText
    html_part: Part | None
    text_part: Part
    images: Sequence[str]


class _Known:
    """What of a shape was made once."""

    def __init__(self, shape: Shape) -> None:
        self.html = quoted_printable.Composition(shape.pieces)
        self.images = fixed_inline_names(shape.pieces)
        self.texts = TextPlans(shape.pieces)


class Bodies:
    """Makes the bodies of one campaign's messages; several threads may call `body` at once."""

    def __init__(
        self,
        *,
        html: Template | None,
        text: Template | None,
        inliner: ShapeInliner,
        check_every: int = _SAMPLE,
    ) -> None:
        """One planned text in `check_every` is compared with its document."""
        self._html, self._text, self._inliner = html, text, inliner
        self._shapes: WeakKeyDictionary[Shape, _Known] = WeakKeyDictionary()
        self._composition = lru_cache(maxsize=_TEXT_SHAPES)(_fixed_text)
        self._check_every, self._planned = check_every, count(1)
        self._counting = threading.Lock()
        self._single: Counter[str] = Counter()

    @property
    def single(self) -> Counter[str]:
        """How many text parts were made from their own document, by reason: those no plan could make."""
        with self._counting:
            return self._single.copy()

    def body(self, context: Mapping[str, object]) -> Body:
        """Return the body for one row; raises RowError, with a sentence, if it has none."""
        if self._html is None:
            text, part = self._from_template(context)
            return Body(None, text, None, part, ())
        inlined = self._inliner.inline(self._html, context)
        if inlined.shape is None:
            text, part = self._from_template(context) if self._text else self._from_html(inlined.html, _NEW)
            html_part = text_part(inlined.html, "html")
            return Body(inlined.page, text, html_part, part, inline_names(inlined.html))
        return self._of_shape(inlined, self._known(inlined.shape), context)

    def _known(self, shape: Shape) -> _Known:
        known = self._shapes.get(shape)
        if known is None:
            known = self._shapes[shape] = _Known(shape)
        return known

    def _of_shape(self, inlined: Inlined, known: _Known, context: Mapping[str, object]) -> Body:
        page = inlined.page
        encoded = _encoded(page.values, "html")
        html_part = _composed(known.html, encoded, page, "html")
        if self._text:
            text, part = self._from_template(context)
        else:
            text, part = self._from_plan(inlined, known.texts, encoded)
        images = known.images
        if images is None or _may_name_an_image(page.values):
            images = tuple(inline_names(page.text))
        return Body(page, text, html_part, part, images)

    def _from_template(self, context: Mapping[str, object]) -> tuple[SegmentedText, Part]:
        assert self._text is not None  # noqa: S101 - a campaign without HTML has a text template
        marked = self._text.marked(context)
        if marked is None:
            text = _without_nul(self._text.render(context))
            return SegmentedText((text,)), text_part(text, "plain")
        composition = self._composition(marked.statics)
        encoded = _encoded(marked.values, "plain")
        _without_nul("".join(marked.values))
        return marked, _composed(composition, encoded, marked, "plain")

    def _from_plan(
        self, inlined: Inlined, plans: TextPlans, encoded: list[bytes] | None
    ) -> tuple[SegmentedText, Part]:
        values = Values.of(inlined.page.values)
        plan = None if values is None else plans.plan(values, inlined.page)
        if values is None or plan is None:
            return self._from_html(inlined.html, _ODD if values is None else _UNPLANNED)
        text, order = plan.filling.filled(values.texts), plan.filling.order
        if next(self._planned) % self._check_every == 0 and text.text != text_from_html(inlined.html):
            plans.give_up()
            return self._from_html(inlined.html, _WRONG)
        if encoded is None or values.texts is not inlined.page.values:
            encoded = _encoded(text.values, "plain")
        else:
            encoded = [encoded[n] for n in order]
        return text, _composed(plan.composition, encoded, text, "plain")

    def _from_html(self, html: str, reason: str) -> tuple[SegmentedText, Part]:
        with self._counting:
            self._single[reason] += 1
        text = text_from_html(html)
        return SegmentedText((text,)), text_part(text, "plain")


def _may_name_an_image(values: Sequence[str]) -> bool:
    """Whether a value has "cid:" in it, or all of that but the colon."""
    ended = " ".join((*values, "")).lower()
    return "cid:" in ended or "cid " in ended


def _fixed_text(statics: tuple[str, ...]) -> quoted_printable.Composition:
    for static in statics:
        _without_nul(static)
    return quoted_printable.Composition(statics)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise RowError("the text contains a NUL character")
    return text


def _encoded(values: Sequence[str], subtype: str) -> list[bytes] | None:
    try:
        return quoted_printable.encoded(values)
    except UnicodeEncodeError:
        raise half_a_character(subtype) from None


def _composed(
    composition: quoted_printable.Composition, encoded: list[bytes] | None, text: SegmentedText, subtype: str
) -> Part:
    body = composition.body(encoded)
    return text_part(text.text, subtype) if body is None else quoted_part(body, subtype)
