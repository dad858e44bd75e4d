"""One compiled template: rendered for a row, as segments where its values can be told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jinja2

from mailrunner.config.jinja_sandbox import METER, WORK
from mailrunner.errors import RowError, UserError
from mailrunner.rendering.inline_images import InlineImage, NameTags
from mailrunner.rendering.segments import LARGEST, Segmenting, unsegmented
from mailrunner.rendering.template_names import NameUse, TemplateTree


class RenderedPage(NamedTuple):
    """A page in one piece, and the inline images that the text of its template names."""

    text: str
    images: tuple[InlineImage, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """One compiled template and all it refers to (`trees`, itself first).

    `segments` gives what `render` does, with the values told apart; None for a row where only `render` can
    say what the text is or what is wrong with it, and for every row where it is `unsegmented`.  A page
    that is `unsegmented` has `tags` in its text.  `links` changes the links of a rendered text, as those of
    `segments` are changed already.
    """

    label: str
    compiled: jinja2.Template
    trees: tuple[TemplateTree, ...]
    segments: Segmenting = unsegmented
    tags: NameTags | None = None
    links: Callable[[str], str] | None = None

    def render(self, context: Mapping[str, object]) -> str:
        """Return the text for one row; raise RowError, with template and line, if it has none."""
        text = self._rendered(context)
        return self._linked(self.tags.removed(text) if self.tags else text)

    def page(self, context: Mapping[str, object]) -> RenderedPage:
        """Return a page that has no segments, with its images; raise RowError if there is none."""
        text = self._rendered(context)
        if self.tags is None:
            return RenderedPage(self._linked(text))
        return RenderedPage(self._linked(self.tags.removed(text)), self.tags.images(text))

    def _linked(self, text: str) -> str:
        return self.links(text) if self.links else text

    def mentions(self, name: str) -> bool:
        """True if the name stands anywhere in it."""
        return any(name in tree.mentioned() for tree in self.trees)

    def certain(self) -> Iterator[NameUse]:
        """The names that every row needs."""
        return self.trees[0].certain()

    def _rendered(self, context: Mapping[str, object]) -> str:
        METER.left = WORK
        try:
            return "".join(self._pieces(context))
        except RowError:
            raise
        except Exception as error:  # whatever a template's expression may raise, it is this row's
            raise RowError(f"{self._place(error)}: {_sentence(error)}") from error

    def _pieces(self, context: Mapping[str, object]) -> Iterator[str]:
        size = 0
        for piece in self.compiled.generate(context):
            size += len(piece)
            if size > LARGEST:
                raise RowError(f"{self.label} gives more than {LARGEST:,} characters for this row")
            yield piece

    def _place(self, error: BaseException) -> str:
        """The last template line on the way to the error; Jinja puts its own lines into the trace."""
        labels = {tree.label for tree in self.trees}
        place, trace = self.label, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in labels:
                place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
            trace = trace.tb_next
        return place


def _sentence(error: Exception) -> str:
    match error:
        case jinja2.TemplateNotFound():
            return f'the template "{error.name}" does not exist'
        case UserError():
            return str(error)
        case RecursionError():
            return "it calls itself without end"
        case MemoryError():
            return "it takes more memory than there is"
    return str(error) or type(error).__name__
