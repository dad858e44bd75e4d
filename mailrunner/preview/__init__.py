"""Previews: messages as files to look at, and a page that shows them side by side.

    result = Preview(prepared, now=…).write(sample, folder)

For each row there is an `.eml` (the very bytes), an `.html` (inline images shown) and a `.txt`;
`index.html` shows them all.  Ids and tokens are random, so that nothing in a preview leads to a real
delivery, and no link in it unsubscribes a recipient.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from mailrunner.errors import RowError
from mailrunner.model.number_and_noun import counted
from mailrunner.model.tokens import TokenSigner
from mailrunner.preview.folder import PreviewFolder
from mailrunner.preview.message_view import MessageView, all_remarks
from mailrunner.preview.safe_html import FILE_POLICY, SANDBOX, shown
from mailrunner.preview.sample import Sample, Specimen
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.rendering.lint import Remark
from mailrunner.rendering.lint.shapes import ShapeRemarks
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign

INDEX = "index.html"
_LONGEST_STEM = 40
_COMPARED = 1  # the delivery of messages that are compared: their tokens then do not differ


@dataclass(frozen=True, slots=True)
class Card:
    """One row on the page: its message, or the problem that keeps it from being rendered."""

    number: int
    entry: RecipientRow
    reasons: tuple[str, ...]
    stem: str
    view: MessageView | None
    problem: str


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """The page that was written, the number of rows on it, and of those that cannot be rendered."""

    index: Path
    shown: int
    failing: int


class Preview:
    """Writes previews of a campaign's messages, dated `now`."""

    def __init__(self, prepared: PreparedCampaign, *, now: datetime) -> None:
        self._prepared, self._now = prepared, now
        self._pages = ShapeRemarks(prepared.renderer.outline)
        signer = TokenSigner((secrets.token_bytes(32),))
        self._factory = MessageFactory(
            prepared, columns=prepared.recipients.columns, signer=signer, domain=prepared.message_domain
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the list."""
        return self._prepared.recipients.columns

    @property
    def campaign(self) -> str:
        """The campaign's id."""
        return self._prepared.campaign.id

    def write(self, sample: Sample, folder: Path) -> PreviewResult:
        """Write the messages of `sample` and the page into `folder`, in place of an earlier preview there.

        Raises UserError where the folder has files of these names that no preview made.
        """
        target = PreviewFolder(folder)
        stems = list(_stems(sample.specimens))
        target.clear_for([INDEX, *(f"{stem}.{kind}" for stem in stems for kind in ("eml", "html", "txt"))])
        cards = [
            self._card(target, number, specimen, stem)
            for number, (specimen, stem) in enumerate(zip(sample.specimens, stems, strict=True), 1)
        ]
        self._write_index(target, cards, sample)
        failing = sum(card.view is None for card in cards)
        return PreviewResult(folder / INDEX, len(cards), failing)

    def _card(self, target: PreviewFolder, number: int, specimen: Specimen, stem: str) -> Card:
        entry, reasons = specimen.entry, specimen.reasons
        try:
            message = self.message(entry)
        except RowError as error:
            return Card(number, entry, reasons, stem, None, str(error))
        view = MessageView.of(message)
        target.write(f"{stem}.eml", message.data)
        if view.html is not None:
            # The charset is in the message's header; a file declares it with a byte order mark.
            target.write(f"{stem}.html", shown(view.html, policy=FILE_POLICY).encode("utf-8-sig"))
        target.write(f"{stem}.txt", view.text.encode())
        return Card(number, entry, reasons, stem, view, "")

    def message(self, entry: RecipientRow) -> Message:
        """The message of one row; raises RowError where it has none."""
        return self._message(entry, secrets.randbelow(2**62))

    def signed(self, message: Message) -> Message:
        """The message as it is sent: with a DKIM signature, where the account makes one."""
        return self._factory.signed(message, self._now)

    def findings(self, message: Message) -> tuple[Remark, ...]:
        """The remarks of `check` on one message, each once; those on its page are made once for a shape."""
        return tuple(dict.fromkeys((*all_remarks(message), *self._pages.remarks(message))))

    def comparable(self, entry: RecipientRow) -> Message:
        """The message of one row with links that are the same in every message; raises RowError.

        It is made by the plan of its shape, where there is one: a plan is made at the second message.
        """
        self._message(entry, _COMPARED)
        return self._message(entry, _COMPARED)

    def _message(self, entry: RecipientRow, number: int) -> Message:
        if entry.problem:
            raise RowError(entry.problem)
        fields = self._factory.fields(number, entry.address, entry.values)
        return self._prepared.renderer.render(fields, self._now)

    def _write_index(self, target: PreviewFolder, cards: list[Card], sample: Sample) -> None:
        template = _template()
        page = template.render(
            campaign=self._prepared.campaign, cards=cards, sample=sample, now=self._now, sandbox=SANDBOX
        )
        target.write(INDEX, page.encode())


def _stems(specimens: Iterable[Specimen]) -> Iterator[str]:
    """Names for the files of each row, in ASCII for every file system."""
    for number, specimen in enumerate(specimens, 1):
        entry = specimen.entry
        slug = _slug(entry.name) or _slug(entry.address.partition("@")[0]) or f"row-{entry.row}"
        yield f"{number:02}-{slug}"


def _slug(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded)[:_LONGEST_STEM].strip("-")


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["octets"] = _octets
    return environment.from_string(files("mailrunner").joinpath("data/preview/index.html").read_text("utf-8"))


def _octets(size: int) -> str:
    """A size with its unit."""
    if size < 1024:
        return counted(size, "byte")
    return f"{size / 1024:,.0f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.1f} MB"
