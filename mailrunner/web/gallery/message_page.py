"""The page of one message; all of its state is in the query of its URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from mailrunner.errors import RowError
from mailrunner.model.number_and_noun import counted
from mailrunner.preview.appearance import Weight, clipped, in_scheme, inverted
from mailrunner.preview.client_support import LackingSupport, lacking_support
from mailrunner.preview.header_fields import HeaderField, header_fields
from mailrunner.preview.list_index import IndexedRow
from mailrunner.preview.live import PreviewState
from mailrunner.preview.message_view import MessageView
from mailrunner.preview.safe_html import POLICY, POLICY_WITHOUT_IMAGES, shown
from mailrunner.rendering import Message
from mailrunner.rendering.segments import SegmentedText

_LONGEST_SOURCE = 200_000  # characters of a source on the screen
_LONGEST_CELL = 1_000  # characters of a cell in a table
CHOICES: Mapping[str, tuple[str, ...]] = {
    "part": ("html", "text", "headers", "source"),
    "screen": ("both", "phone", "desk"),
    "colours": ("light", "dark", "inverted"),
    "images": ("on", "off"),
    "length": ("whole", "cut"),
    "show": ("odd", "rows", "names", "heaviest", "problems"),
}
_ROW = re.compile(r"([0-9]{1,11})(?:-([0-9a-f]{8}))?")


class RowLink(NamedTuple):
    """A recipient in a URL: the place in the list, and a mark by which a changed list still has it."""

    place: int = 0
    mark: str = ""

    @classmethod
    def of(cls, text: str | None) -> Self:
        """Read a value of a query; no recipient where it is none."""
        found = _ROW.fullmatch(text or "")
        return cls(int(found[1]), found[2] or "") if found else cls()

    def __str__(self) -> str:
        return f"{self.place}-{self.mark}" if self.mark else f"{self.place or ''}"


@dataclass(frozen=True, slots=True)
class Look:
    """The message looked at, and how: the query of a URL, unknown values replaced by the first choice.

    `row` is a recipient of the list, `against` another to compare with; `finding` is the bit of a kind of
    finding whose messages are listed, `after` the place that ends the page before.
    """

    row: RowLink
    against: RowLink
    find: str
    finding: int
    after: int
    chosen: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read a query."""
        chosen = {
            name: query[name] if query.get(name) in choices else choices[0]
            for name, choices in CHOICES.items()
        }
        row, against = (RowLink.of(query.get(name)) for name in ("row", "against"))
        finding, after = (_number(query.get(name)) for name in ("finding", "after"))
        return cls(row, against, query.get("q", "")[:200], finding, after, chosen)

    def url(self, **changes: object) -> str:
        """The query of the same look with `changes`; what is the first choice is left out."""
        own = {
            "row": self.row,
            "against": self.against,
            "q": self.find,
            "finding": self.finding,
            "after": self.after,
        }
        given = {**own, **self.chosen, **changes}
        kept = {
            name: text
            for name, value in given.items()
            if (text := str(value or "")) and text != CHOICES.get(name, ("",))[0]
        }
        return f"?{urlencode(kept)}"

    def list_url(self, **changes: object) -> str:
        """The query of another list beside the same message."""
        return self.url(**{"q": "", "finding": 0, "after": 0, **changes})


def link(one: IndexedRow) -> RowLink:
    """How a URL names a row."""
    return RowLink(one.place, one.mark)


class ShownFinding(NamedTuple):
    """Remarks of one kind on this message, each with its detail.

    `bit` and `messages` are of all messages with one of its kind, 0 while that is not known.
    """

    kind: str
    details: tuple[str, ...]
    bit: int
    messages: int


@dataclass(frozen=True, slots=True)
class ShownMessagePage:
    """One row and its message; `problem` says why there is none, or none but that of before a change."""

    one: IndexedRow
    view: MessageView | None = None
    weight: Weight | None = None
    findings: tuple[ShownFinding, ...] = ()
    lacking: tuple[LackingSupport, ...] = ()
    headers: tuple[HeaderField, ...] = ()
    source: str = ""
    problem: str = ""
    is_old: bool = False


def message_page(state: PreviewState, look: Look, listed: list[IndexedRow]) -> ShownMessagePage | None:
    """The message that is looked at: the first that is listed, where no row is named."""
    one = _looked_at(state, look, listed)
    if one is None:
        return None
    message, problem = _message(state, one)
    if message is None:
        return ShownMessagePage(one, problem=problem)
    sent = state.preview.signed(message).data
    source = sent.decode("utf-8", "replace")
    return ShownMessagePage(
        one,
        view=MessageView.of(message),
        weight=None if message.html is None else Weight.of(message.html),
        findings=tuple(_findings(state, message)),
        lacking=tuple(lacking_support(message.html or "", state.index.domains.copy())),
        headers=tuple(header_fields(sent)),
        source=source.replace("\r\n", "\n"),
        problem=problem,
        is_old=bool(problem),
    )


def message_frame(state: PreviewState, look: Look) -> tuple[str, str]:
    """The HTML of the frame, and its Content-Security-Policy."""
    one = state.index.row(*look.row)
    message = _message(state, one)[0] if one else None
    if message is None:
        return framed("", look.chosen)
    if look.chosen["length"] == "cut" and message.html:
        message = replace(message, html_segments=SegmentedText((clipped(message.html),)))
    return framed(MessageView.of(message).html or "", look.chosen)


def framed(html: str, chosen: Mapping[str, str]) -> tuple[str, str]:
    """The HTML of a frame in the colours and with the images of `CHOICES`, and its policy."""
    has_images, colours = chosen["images"] == "on", chosen["colours"]
    html = shown(in_scheme(html, "dark" if colours == "dark" else "light"), images=has_images)
    policy = POLICY if has_images else POLICY_WITHOUT_IMAGES
    return (inverted(html) if colours == "inverted" else html), policy


def _looked_at(state: PreviewState, look: Look, listed: list[IndexedRow]) -> IndexedRow | None:
    """The row that a query names, or else the first; None where there is none."""
    wanted = look.row if look.row.place else look.against
    if wanted.place:
        return state.index.row(*wanted)
    found = listed or state.index.find(show="rows")
    return found[0] if found else None


def _findings(state: PreviewState, message: Message) -> Iterator[ShownFinding]:
    details: dict[str, list[str]] = {}
    for kind, detail in state.preview.findings(message):
        details.setdefault(kind, []).extend([detail] if detail else [])
    found = state.rendering.found.copy()
    for kind, given in details.items():
        known = found.get(kind)
        yield ShownFinding(kind, tuple(given), known.bit if known else 0, known.count if known else 0)


def _message(state: PreviewState, one: IndexedRow) -> tuple[Message | None, str]:
    """The message of a row, or the last that it had, and why it has none."""
    try:
        return state.preview.message(one.entry), ""
    except RowError as error:
        problem = str(error)
    try:
        return (state.before.message(one.entry) if state.before else None), problem
    except RowError:
        return None, problem


def _number(text: str | None) -> int:
    """A number of a query; 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0


def _longest(text: str) -> str:
    if len(text) <= _LONGEST_SOURCE:
        return text
    return f"{text[:_LONGEST_SOURCE]}\n\n… and {counted(len(text) - _LONGEST_SOURCE, 'character')} more"


# Of the templates that show a message.
MESSAGE_FILTERS: Mapping[str, Any] = {
    "kb": lambda octets: f"{octets / 1024:,.0f} KB",
    "clipped": lambda text: text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…",
    "longest": _longest,
}
