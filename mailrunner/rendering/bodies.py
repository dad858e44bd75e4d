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
from mailrunner.rendering.compiled_template import CompiledTemplate, RenderedPage
from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.inline_images import ImageFinder, InlineImage
from mailrunner.rendering.inlining import Inlined, Rendered, Shape, ShapeInliner
from mailrunner.rendering.mime import QUOTED_FIELDS, Part, half_a_character, text_part
from mailrunner.rendering.quoted_printable import Composition, encoded
from mailrunner.rendering.segments import SegmentedText
from mailrunner.rendering.text_plans import TextPlans, TextValues

_TEXT_SHAPES = 64  # of a template, what is kept of each
_SAMPLE = 5000  # one in so many planned texts is compared with its document

# Why a text part was made from its own document.
_NEW = "text: of a document whose shape is not known"
_ODD = "text: a value with a control character or a rare entity"
_UNPLANNED = "text: no plan, or not yet"
_WRONG = "text: a plan was wrong"


class Body(NamedTuple):
    """The body of one message: as readers see it, encoded, and the images that go with it."""

    html: SegmentedText | None
    text: SegmentedText
    html_part: Part | None
    text_part: Part
    images: Sequence[InlineImage]


class _KnownShape:
    """The parts made once for a shape; `images` are those of all its documents, None where values choose."""

    def __init__(self, shape: Shape, finder: ImageFinder | None) -> None:
        self.html = Composition(shape.pieces)
        self.finder = finder
        self.images = finder.fixed if finder else None
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

        `constants` are the images that a value may name as a whole, since the template or vars name them.
        """
        self._html, self._text, self._inliner = html, text, inliner
        self._shapes: WeakKeyDictionary[Shape, _KnownShape] = WeakKeyDictionary()
        self._constants = constants
        self._finder = lru_cache(maxsize=_TEXT_SHAPES)(ImageFinder)
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
            return self._of_document(inlined, context)
        known = self._shapes.get(inlined.shape) or self._known(inlined.shape, inlined.source)
        return self._of_shape(inlined, known, context)

    def _known(self, shape: Shape, source: Rendered) -> _KnownShape:
        # All documents of a shape have the same fixed texts, so the same names of images.
        finder = ImageFinder(source.statics) if isinstance(source, SegmentedText) else None
        known = self._shapes[shape] = _KnownShape(shape, finder)
        return known

    def _of_document(self, inlined: Inlined, context: Mapping[str, object]) -> Body:
        text, part = self._from_template(context) if self._text else self._from_html(inlined.html, _NEW)
        return Body(inlined.page, text, text_part(inlined.html, "html"), part, self._images(inlined.source))

    def _of_shape(self, inlined: Inlined, known: _KnownShape, context: Mapping[str, object]) -> Body:
        page = inlined.page
        values = _encoded(page.values, "html")
        chunks = known.html.body(values)
        html_part = text_part(page.text, "html") if chunks is None else Part(QUOTED_FIELDS["html"], chunks)
        if self._text:
            text, part = self._from_template(context)
        else:
            text, part = self._from_plan(inlined, known.texts, values)
        images = known.images
        if images is None:
            images = self._images(inlined.source, known.finder)
        return Body(page, text, html_part, part, images)

    def _images(self, source: Rendered, finder: ImageFinder | None = None) -> tuple[InlineImage, ...]:
        """The images that the template's own text names in this message."""
        if isinstance(source, RenderedPage):
            return source.images
        return (finder or self._finder(source.statics)).images(source.values, self._constants)

    def _from_template(self, context: Mapping[str, object]) -> tuple[SegmentedText, Part]:
        assert self._text is not None  # noqa: S101 - a campaign without HTML has a text template
        segments = self._text.segments(context)
        if segments is None:
            text = _without_nul(self._text.render(context))
            return SegmentedText((text,)), text_part(text, "plain")
        chunks = self._composition(segments.statics).body(_encoded(segments.values, "plain"))
        _without_nul("".join(segments.values))
        return segments, _text_part(chunks, segments)

    def _from_plan(
        self, inlined: Inlined, plans: TextPlans, html_values: list[bytes] | None
    ) -> tuple[SegmentedText, Part]:
        """The text part by the shape's plan; `html_values` are the page's values, encoded for the HTML."""
        values = TextValues.of(inlined.page.values)
        plan = None if values is None else plans.plan(values, inlined.page)
        if values is None or plan is None:
            return self._from_html(inlined.html, _ODD if values is None else _UNPLANNED)
        text = plan.filling.filled(values.texts)
        if next(self._planned) % self._check_every == 0 and text.text != text_from_html(inlined.html):
            plans.give_up()
            return self._from_html(inlined.html, _WRONG)
        if html_values is None or values.texts is not inlined.page.values:
            own = _encoded(text.values, "plain")
        else:
            own = list(map(html_values.__getitem__, plan.filling.order))
        return text, _text_part(plan.composition.body(own), text)

    def _from_html(self, html: str, reason: str) -> tuple[SegmentedText, Part]:
        with self._counting:
            self._single[reason] += 1
        text = text_from_html(html)
        return SegmentedText((text,)), text_part(text, "plain")


def _fixed_text(statics: tuple[str, ...]) -> Composition:
    for static in statics:
        _without_nul(static)
    return Composition(statics)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise RowError("the text contains a NUL character")
    return text


def _encoded(values: Sequence[str], subtype: str) -> list[bytes] | None:
    try:
        return encoded(values)
    except UnicodeEncodeError:
        raise half_a_character(subtype) from None


def _text_part(chunks: list[bytes] | None, text: SegmentedText) -> Part:
    return text_part(text.text, "plain") if chunks is None else Part(QUOTED_FIELDS["plain"], chunks)
