"""The two bodies of a message, HTML and text, encoded.

What the messages of one shape have in common is encoded once: the document's fixed pieces, its text
part, and which images it names.  A message of a known shape then costs little more than its values; any
other is encoded whole.  Both ways give a reader the same texts.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from itertools import count
from typing import NamedTuple
from weakref import WeakKeyDictionary

from mailrunner.errors import RowError
from mailrunner.rendering import quoted_printable
from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.inline_images import ImageFinder, InlineImage
from mailrunner.rendering.inlining.shape_cache import Inlined, Rendered, Shape, ShapeInliner
from mailrunner.rendering.mime import Part, half_a_character, quoted_part, text_part
from mailrunner.rendering.segments import SegmentedText
from mailrunner.rendering.templates import CompiledTemplate, RenderedPage
from mailrunner.rendering.text_plans import TextPlans, TextValues

_TEXT_SHAPES = 64  # of a template, what is kept of each
_SAMPLE = 5000  # one in so many planned texts is compared with its document

# Why a text part was made from its own document.
_NEW = "text: of a document whose shape is not known"
_ODD = "text: a value with a control character or a rare entity"
_UNPLANNED = "text: no plan, or not yet"
_WRONG = "text: a plan was wrong"


class Body(NamedTuple):
    """The body of one message: as people see it, encoded, and the images that go with it."""

    html: SegmentedText | None
    text: SegmentedText
    html_part: Part | None
    text_part: Part
    images: Sequence[InlineImage]


class _Known:
    """What of a shape was made once."""

    def __init__(self, shape: Shape, names: ImageFinder | None) -> None:
        self.html = quoted_printable.Composition(shape.pieces)
        self.names = names
        self.texts = TextPlans(shape.pieces)


class Bodies:
    """Makes the bodies of one campaign's messages; several threads may call `body` at once."""

    def __init__(
        self,
        *,
        html: CompiledTemplate | None,
        text: CompiledTemplate | None,
        inliner: ShapeInliner,
        constants: Set[str] = frozenset(),
        check_every: int = _SAMPLE,
    ) -> None:
        """One planned text in `check_every` is compared with its document.

        `constants` are the images that a value may name as a whole, since a person wrote these names.
        """
        self._html, self._text, self._inliner = html, text, inliner
        self._shapes: WeakKeyDictionary[Shape, _Known] = WeakKeyDictionary()
        self._constants = constants
        self._names = lru_cache(maxsize=_TEXT_SHAPES)(ImageFinder)
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
            return Body(inlined.page, text, html_part, part, self._images(inlined.source))
        return self._of_shape(inlined, self._known(inlined.shape, inlined.source), context)

    def _known(self, shape: Shape, source: Rendered) -> _Known:
        known = self._shapes.get(shape)
        if known is None:  # all documents of a shape have the same fixed texts, so the same names
            names = ImageFinder(source.statics) if isinstance(source, SegmentedText) else None
            known = self._shapes[shape] = _Known(shape, names)
        return known

    def _images(self, source: Rendered, names: ImageFinder | None = None) -> Sequence[InlineImage]:
        """The images that the template's own text names in this message."""
        if isinstance(source, RenderedPage):
            return source.images
        return (names or self._names(source.statics)).images(source.values, self._constants)

    def _of_shape(self, inlined: Inlined, known: _Known, context: Mapping[str, object]) -> Body:
        page = inlined.page
        encoded = _encoded(page.values, "html")
        html_part = _composed(known.html, encoded, page, "html")
        if self._text:
            text, part = self._from_template(context)
        else:
            text, part = self._from_plan(inlined, known.texts, encoded)
        images = self._images(inlined.source, known.names)
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
        values = TextValues.of(inlined.page.values)
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
