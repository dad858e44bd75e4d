"""What the page of one message shows; all of its state is in the query of its URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from mailrunner.errors import RowError
from mailrunner.preview.appearance import Weight, in_scheme, inverted
from mailrunner.preview.frame import POLICY, POLICY_WITHOUT_IMAGES, shown
from mailrunner.preview.list_index import IndexedRow, ListIndex
from mailrunner.preview.message_view import MessageView
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message

LONGEST_SOURCE = 200_000  # characters of a source on the screen
CHOICES: Mapping[str, tuple[str, ...]] = {
    "part": ("html", "text", "headers", "source"),
    "screen": ("both", "phone", "desk"),
    "colours": ("light", "dark", "inverted"),
    "images": ("on", "off"),
    "show": ("odd", "all", "problems"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, and how: the query of a URL, unknown values replaced by the first choice.

    `row` is the place of a recipient in the list, `against` that of another to compare with, 0 for none.
    """

    row: int
    against: int
    find: str
    after: int
    chosen: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read a query."""
        chosen = {
            name: query[name] if query.get(name) in choices else choices[0]
            for name, choices in CHOICES.items()
        }
        row, against, after = (_number(query.get(name)) for name in ("row", "against", "after"))
        return cls(row, against, query.get("q", "")[:200], after, chosen)

    def url(self, **changes: object) -> str:
        """The query of the same look with `changes`; what is the first choice is left out."""
        own = {"row": self.row, "against": self.against, "q": self.find, "after": self.after}
        given = {**own, **self.chosen, **changes}
        kept = {
            name: value for name, value in given.items() if value and value != CHOICES.get(name, ("",))[0]
        }
        return f"?{urlencode(kept)}"


@dataclass(frozen=True, slots=True)
class ShownMessagePage:
    """One row and its message; `problem` says why there is none."""

    one: IndexedRow
    view: MessageView | None = None
    weight: Weight | None = None
    headers: str = ""
    source: str = ""
    problem: str = ""


def message_page(
    index: ListIndex, render: Callable[[RecipientRow], Message], look: Look
) -> ShownMessagePage | None:
    """The message that is looked at: the first that the list shows, where no row is named."""
    place = look.row or look.against
    one = index.row(place) if place else _first(index, look)
    if one is None:
        return None
    try:
        message = render(one.entry)
    except RowError as error:
        return ShownMessagePage(one, problem=str(error))
    source = message.data.decode("utf-8", "replace")
    return ShownMessagePage(
        one,
        view=MessageView.of(message),
        weight=None if message.html is None else Weight.of(message.html),
        headers=source.partition("\r\n\r\n")[0].replace("\r\n", "\n"),
        source=source[:LONGEST_SOURCE].replace("\r\n", "\n"),
        problem=one.problem,
    )


def message_frame(index: ListIndex, render: Callable[[RecipientRow], Message], look: Look) -> tuple[str, str]:
    """The HTML of the frame, and its Content-Security-Policy."""
    policy = POLICY if look.chosen["images"] == "on" else POLICY_WITHOUT_IMAGES
    one = index.row(look.row)
    if one is None:
        return shown(""), policy
    try:
        html = MessageView.of(render(one.entry)).html or ""
    except RowError:
        return shown(""), policy
    colours = look.chosen["colours"]
    html = shown(in_scheme(html, "dark" if colours == "dark" else "light"))
    return (inverted(html) if colours == "inverted" else html), policy


def _first(index: ListIndex, look: Look) -> IndexedRow | None:
    found = index.find(look.find, show=look.chosen["show"]) or index.find("", show="all")
    return found[0] if found else None


def _number(text: str | None) -> int:
    """A number of a query; 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else 0
