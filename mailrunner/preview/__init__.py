"""Previews: messages as files to look at, and a page that shows them side by side.

    made = Preview(job, now=…).write(sample, folder)

For each row there is an `.eml` (the very bytes), an `.html` (inline images shown) and a `.txt`;
`index.html` shows them all.  Ids and tokens are random, so that nothing in a preview leads to a person's
delivery, and no link of it takes anyone off a list.
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

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.tokens import TokenSigner
from mailrunner.preview.proof import MessageView
from mailrunner.preview.sample import Sample, Specimen
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign

INDEX = "index.html"
_MADE = ".mailrunner-preview"  # names the files that a preview made, so that the next one removes no other
_LONGEST_STEM = 40


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows of one row: its message, or why it has none."""

    number: int
    entry: RecipientRow
    reasons: tuple[str, ...]
    stem: str
    proof: MessageView | None
    problem: str


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What was written: the page, how many rows it shows, how many of them have no message."""

    index: Path
    shown: int
    unmade: int


class Preview:
    """Writes previews of one job's messages, dated `now`."""

    def __init__(self, job: PreparedCampaign, *, now: datetime) -> None:
        self._job, self._now = job, now
        signer = TokenSigner((secrets.token_bytes(32),))
        self._letters = MessageFactory(
            job, columns=job.recipients.columns, signer=signer, domain=job.message_domain
        )

    def write(self, sample: Sample, folder: Path) -> PreviewResult:
        """Write the messages of `sample` and the page into `folder`, in place of an earlier preview there.

        Raises UserError where files stand in the way that no preview has made.
        """
        shelf = PreviewFolder(folder)
        stems = list(_stems(sample.specimens))
        shelf.clear_for([INDEX, *(f"{stem}.{kind}" for stem in stems for kind in ("eml", "html", "txt"))])
        cards = [
            self._card(shelf, number, specimen, stem)
            for number, (specimen, stem) in enumerate(zip(sample.specimens, stems, strict=True), 1)
        ]
        self._write_index(shelf, cards, sample)
        unmade = sum(card.proof is None for card in cards)
        return PreviewResult(folder / INDEX, len(cards), unmade)

    def _card(self, shelf: PreviewFolder, number: int, specimen: Specimen, stem: str) -> Card:
        entry, reasons = specimen.entry, specimen.reasons
        try:
            message = self._message(entry)
        except RowError as error:
            return Card(number, entry, reasons, stem, None, str(error))
        proof = MessageView.of(message)
        shelf.write(f"{stem}.eml", message.data)
        if proof.html is not None:
            # The charset is in the mail's header; a file says it with a byte order mark.
            shelf.write(f"{stem}.html", proof.html.encode("utf-8-sig"))
        shelf.write(f"{stem}.txt", proof.text.encode())
        return Card(number, entry, reasons, stem, proof, "")

    def _message(self, entry: RecipientRow) -> Message:
        if entry.problem:
            raise RowError(entry.problem)
        letter = self._letters.fields(secrets.randbelow(2**62), entry.address, entry.values)
        return self._job.renderer.render(letter, self._now)

    def _write_index(self, shelf: PreviewFolder, cards: list[Card], sample: Sample) -> None:
        template = _template()
        page = template.render(campaign=self._job.campaign, cards=cards, sample=sample, now=self._now)
        shelf.write(INDEX, page.encode())


class PreviewFolder:
    """The folder of a preview; only files that a preview made are ever replaced or removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = folder / _MADE

    def clear_for(self, names: Iterable[str]) -> None:
        """Remove what an earlier preview made; then `names` may be written.

        Raises UserError if others' files have one of the names, or if the folder cannot be made.
        """
        wanted, own = list(names), set(self._own())
        taken = [name for name in wanted if name not in own and (self._folder / name).exists()]
        if taken:
            message = f"{', '.join(taken[:3])} in it was not made by a preview and would be overwritten"
            raise UserError(Problem(message, str(self._folder), hint="name another folder with --out DIR"))
        self._make_folder()
        for name in own:
            (self._folder / name).unlink(missing_ok=True)
        self._list.write_text("".join(f"{name}\n" for name in wanted), encoding="utf-8")

    def write(self, name: str, octets: bytes) -> None:
        """Write one of the files that the folder was cleared for."""
        (self._folder / name).write_bytes(octets)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                Problem(
                    f"the folder cannot be made: {error.strerror}",
                    str(self._folder),
                    hint="name another with --out DIR",
                )
            ) from None

    def _own(self) -> Iterator[str]:
        if self._list.is_file():
            names = self._list.read_text(encoding="utf-8").splitlines()
            yield from (name for name in names if name and Path(name).name == name)


def _stems(specimens: Iterable[Specimen]) -> Iterator[str]:
    """Names for the files of each row, plain enough for every file system."""
    for number, specimen in enumerate(specimens, 1):
        entry = specimen.entry
        words = _plain(entry.name) or _plain(entry.address.partition("@")[0]) or f"row-{entry.row}"
        yield f"{number:02}-{words}"


def _plain(text: str) -> str:
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
    """A size for people."""
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 1024:,.0f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.1f} MB"
