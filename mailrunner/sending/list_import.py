"""Imports a campaign's list into the ledger, once; later runs compare list and content with it.

The first run writes the snapshot.  Later ones compare the message and the list with it: a changed
message stops the run until `--accept-changes`, new rows wait for `--refresh`, recipients who left the
list are held back at once, and a list that lost too many stops the run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted
from mailrunner.model.variants import names_in
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.list_problems import finished, not_given, other_variants, shrunk
from mailrunner.sending.prepared_campaign import (
    PreparedCampaign,
    changed_parts,
    content_digest,
    digest,
    digests_of,
    record_values,
)
from mailrunner.sending.render_check import check_one_renders
from mailrunner.store import CampaignRecord, Ledger, ListDrift, Phase, PlainSnapshotRow, Run, SnapshotRow
from mailrunner.store.campaigns import as_json

Progress = Callable[[int], None]
_REASONS = 3  # how many differing ones a sentence names

_RECIPIENTS = ("recipient is", "recipients are")
READ_ELSEWHERE = Wait(WaitReason.OTHERS, None, "another process is reading this campaign's list")


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The user's confirmations: `--refresh`, `--accept-changes`, `--again`."""

    refresh: bool = False
    accept_changes: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class ImportedList:
    """The campaign as it stands in the ledger, and notices for the user."""

    record: CampaignRecord
    notices: tuple[str, ...] = ()


class ListImport:
    """Brings one prepared campaign into the ledger."""

    def __init__(
        self,
        prepared: PreparedCampaign,
        *,
        ledger: Ledger,
        run: Run,
        confirmations: Confirmations,
        progress: Progress,
    ) -> None:
        self._prepared, self._ledger, self._run = prepared, ledger, run
        self._confirmations, self._progress = confirmations, progress
        self._content = prepared.content()
        self._notices: list[str] = []
        self._reasons: dict[str, str] = {}

    def run(self) -> ImportedList | Wait:
        """Write the snapshot or compare with it; raises UserError where a user has to decide first.

        Returns a Wait where another process is reading the list just now.
        """
        record = self._ledger.campaigns.find(self._prepared.campaign.id)
        if record is None or record.phase in (Phase.LOADING, Phase.READY):
            if record is not None and self._is_of_program(record):
                record = self._kept(record)
            elif record is None or record.phase is Phase.LOADING or self._is_outdated(record):
                return self._load()
            self._check_renders(record)
            return ImportedList(self._with_digests(record), tuple(self._notices))
        if record.phase is Phase.CANCELLED:
            return ImportedList(record)
        self._run.set_campaign(record.no)
        record = self._compare_content(self._with_identity(record))
        record = self._compare_list(record)
        self._check_renders(record)
        return ImportedList(record, tuple(self._notices))

    def _is_outdated(self, record: CampaignRecord) -> bool:
        """Nothing was sent of it yet, so anything that changed is simply read again."""
        same_content = record.content_digest == content_digest(self._content)
        return not same_content or self._list_changed(record)

    def _is_of_program(self, record: CampaignRecord) -> bool:
        """True where a program gave the list, and this run has none of it: the snapshot is the list.

        With `--refresh` the list that the file names takes its place.
        """
        named = self._confirmations.refresh and not self._prepared.campaign.recipients.program
        return bool(record.list_mark.get("given")) and not self._prepared.source.is_given and not named

    def _kept(self, record: CampaignRecord) -> CampaignRecord:
        """Such a campaign before its first message, with the message as it is now."""
        if record.phase is Phase.LOADING or self._confirmations.refresh:
            raise UserError(not_given(self._prepared))
        return self._compare_content(record)

    def _load(self) -> ImportedList | Wait:
        account = self._ledger.accounts.ensure(self._prepared.account.identity)
        values = {
            **self._columns(),
            "account_no": account.no,
            "list_mark": as_json({**self._fingerprint(), "run": self._run.no}),
        }
        values["columns"] = as_json(self._prepared.recipients.columns)
        record = self._ledger.snapshots.begin(values, run_no=self._run.no)
        if record is None:
            return READ_ELSEWHERE
        if record.phase is not Phase.LOADING:  # another process was quicker
            return self.run()
        self._run.set_campaign(record.no)
        rows = self._fill(record)
        try:
            self._check_snapshot(record, rows)
        except UserError:
            self._ledger.snapshots.discard(record.no, run_no=self._run.no)
            raise
        self._ledger.snapshots.finish(record.no, run_no=self._run.no)
        self._prepared.source.keep()
        return ImportedList(replace(record, phase=Phase.READY), tuple(self._notices))

    def _fill(self, record: CampaignRecord) -> int:
        """Write the list's rows; return how many there are."""
        place = 0
        with _rare_garbage_collection():
            for rows in self._rows(self._prepared.recipients.columns):
                place = self._ledger.snapshots.add(record.no, place, rows, run_no=self._run.no)
                self._note_reasons(rows)
                del rows  # or it would be held while the next chunk is read
                self._progress(place)
                self._ledger.heartbeat(self._run)
        return place

    def _note_reasons(self, rows: Sequence[SnapshotRow]) -> None:
        """Keep the first reasons that differ, should no row be usable."""
        if len(self._reasons) < _REASONS:
            for row in rows:
                if row.problem and len(self._reasons) < _REASONS:
                    self._reasons.setdefault(row.problem, f"row {row.row}: {row.problem}")

    def _check_snapshot(self, record: CampaignRecord, rows: int) -> None:
        if not self._ledger.deliveries.counts(record.no).queued:
            raise UserError(empty_list(self._prepared, rows, list(self._reasons.values())))
        self._notices += list_remarks(self._prepared, rows)
        self._complete_digests()
        twin = None if self._confirmations.again else self._ledger.campaigns.twin(record)
        if twin is not None:
            raise UserError(twin_problem(self._prepared, *twin))
        self._check_renders(record)

    def _check_renders(self, record: CampaignRecord) -> None:
        """Before the first answer, a message that no recipient can get is the file's fault."""
        counts = self._ledger.deliveries.counts(record.no)
        if counts.queued and not (counts.sent or counts.failed or counts.in_doubt or counts.in_flight):
            check_one_renders(self._prepared, self._ledger, record, lambda: self._ledger.heartbeat(self._run))

    def _with_digests(self, record: CampaignRecord) -> CampaignRecord:
        """A snapshot that an older version made knows its message by the names of its files alone."""
        digests = " ".join(self._prepared.message_digests())
        if digests != record.message_digest:
            self._ledger.campaigns.accept(record.no, message_digest=digests)
        self._complete_digests()
        return replace(record, message_digest=digests)

    def _complete_digests(self) -> None:
        """Let campaigns that an older version began be found by the contents of their files."""
        for record in self._ledger.campaigns.all():
            digests = " ".join(digests_of(record))
            if digests != record.message_digest:
                self._ledger.campaigns.accept(record.no, message_digest=digests)

    def _columns(self) -> dict[str, Any]:
        """Column values of `campaigns` that follow from the files."""
        return {
            **record_values(self._prepared),
            "content": as_json(self._content),
            "content_digest": content_digest(self._content),
            "message_digest": " ".join(self._prepared.message_digests()),
        }

    def _compare_content(self, record: CampaignRecord) -> CampaignRecord:
        changed = changed_parts(record.content, self._content)
        if not changed:
            return record
        what = ", ".join(changed)
        if record.phase is Phase.FINISHED and not self._resends(record):
            if self._confirmations.accept_changes or self._confirmations.refresh:
                raise UserError(finished(self._prepared, what))
            self._notices.append(f"changed since it was sent: {what}; nothing of it is left to be sent")
            return record
        unseen = self._is_unseen(record)
        if not self._confirmations.accept_changes and not unseen:
            raise UserError(
                Problem(
                    f"changed since the campaign was begun: {what}",
                    file=record.file,
                    hint="those who got it got the old one; use --accept-changes to send the rest the new "
                    "one, or put the old one back",
                )
            )
        if not unseen and names_in(record.content) != names_in(self._content):
            raise UserError(other_variants(record))
        account = self._ledger.accounts.ensure(self._prepared.account.identity)
        # The domain of its Message-IDs stays: a delivery keeps its Message-ID at every try.
        values = {k: v for k, v in self._columns().items() if k not in ("id", "message_domain")}
        # Every content that was ever sent stays known, so that a twin of any of them is recognised.
        values["message_digest"] = " ".join(
            dict.fromkeys([*digests_of(record), *self._prepared.message_digests()])
        )
        self._ledger.campaigns.accept(record.no, **values, account_no=account.no, recent="")
        self._notices.append(
            f"changed before the first message was sent: {what}" if unseen else f"changes accepted: {what}"
        )
        return self._reread(record)

    def _with_identity(self, record: CampaignRecord) -> CampaignRecord:
        """A campaign that an older version began knows its account by an identity of that time."""
        account = self._prepared.account
        is_same = record.account_name == account.name and account.former_identity != account.identity
        if not is_same or record.content.get("account") != digest(account.former_identity):
            return record
        content = {**record.content, "account": self._content["account"]}
        values = {"content": as_json(content), "content_digest": content_digest(content)}
        if record.stop_digest == record.content_digest:  # what stopped it stops it still
            values["stop_digest"] = values["content_digest"]
        owner = self._ledger.accounts.ensure(account.identity)
        self._ledger.campaigns.accept(record.no, **values, account_no=owner.no)
        return self._reread(record)

    def _is_unseen(self, record: CampaignRecord) -> bool:
        """True while no server was offered a message of this campaign: no recipient has the old one."""
        counts = self._ledger.deliveries.counts(record.no)
        return not (counts.sent or counts.failed or counts.in_doubt or counts.in_flight)

    def _resends(self, record: CampaignRecord) -> bool:
        """True if a finished campaign has deliveries in doubt that its file says to send again."""
        resend = self._prepared.campaign.send.on_in_doubt == "resend"
        return resend and self._ledger.deliveries.counts(record.no).in_doubt > 0

    def _compare_list(self, record: CampaignRecord) -> CampaignRecord:
        mark = record.list_mark
        if self._is_of_program(record):
            if self._confirmations.refresh:
                raise UserError(not_given(self._prepared))
            return record
        waiting = bool(mark.get("new") or mark.get("edited"))
        if not self._list_changed(record) and not (waiting and self._confirmations.refresh):
            self._note_waiting(mark.get("new", 0), mark.get("edited", 0))
            return record
        own = self._prepared.recipients.columns
        columns = (*record.columns, *[column for column in own if column not in record.columns])
        self._read_incoming(record, columns)
        drift = self._ledger.snapshots.compare(record.no, run_no=self._run.no)
        try:
            self._apply_drift(record, drift, columns)
        finally:
            self._ledger.snapshots.clear_incoming(self._run.no)
        return self._reread(record)

    def _apply_drift(self, record: CampaignRecord, drift: ListDrift, columns: tuple[str, ...]) -> None:
        refresh = self._confirmations.refresh
        if drift.is_alarming and not refresh and drift.queued:
            raise UserError(shrunk(record, drift))
        if drift.left or drift.back:
            self._ledger.snapshots.hold_back(record.no, run_no=self._run.no)
            if drift.left:
                self._notices.append(f"{counted(drift.left, *_RECIPIENTS)} no longer on the list: held back")
            if drift.back:
                self._notices.append(f"{counted(drift.back, *_RECIPIENTS)} back on the list: queued again")
        mark = self._fingerprint()
        if refresh:
            self._ledger.campaigns.accept(record.no, columns=as_json(columns))
            self._ledger.snapshots.refresh(record.no, run_no=self._run.no)
            if drift.new or drift.edited:
                self._notices.append(f"taken over: {drift.new} new and {counted(drift.edited, 'edited row')}")
        else:
            mark |= {"new": drift.new, "edited": drift.edited}
            self._note_waiting(drift.new, drift.edited)
        self._ledger.campaigns.accept(record.no, list_mark=as_json(mark))
        if refresh:
            self._prepared.source.keep()

    def _read_incoming(self, record: CampaignRecord, columns: tuple[str, ...]) -> None:
        self._ledger.snapshots.clear_incoming(self._run.no)
        read = 0
        with _rare_garbage_collection():
            for rows in self._rows(columns):
                self._ledger.snapshots.add_incoming(record.no, rows, run_no=self._run.no)
                read += len(rows)
                del rows
                self._progress(read)
                self._ledger.heartbeat(self._run)

    def _rows(self, columns: tuple[str, ...]) -> Iterator[Sequence[SnapshotRow]]:
        """The list's rows, their cells in the order of `columns`."""
        own = self._prepared.recipients.columns
        if columns == own:
            yield from self._prepared.recipients.chunks()
            return
        places = [own.index(column) if column in own else None for column in columns]
        for chunk in self._prepared.recipients.chunks():
            yield [
                PlainSnapshotRow(
                    row.row,
                    row.key,
                    row.problem,
                    row.address,
                    ["" if place is None else row.values[place] for place in places],
                )
                for row in chunk
            ]

    def _list_changed(self, record: CampaignRecord) -> bool:
        """True if the list must be read again; cheap for a file that was not touched."""
        known, source = record.list_mark, self._prepared.source
        if source.is_snapshot:
            return False
        if known.get("spec") != self._prepared.list_spec():
            return True
        stat = source.stat_mark()
        if stat is not None and stat == known.get("stat"):
            return False
        return source.fingerprint() is None or source.fingerprint() != known.get("fingerprint")

    def _fingerprint(self) -> dict[str, Any]:
        source = self._prepared.source
        mark = {
            "spec": self._prepared.list_spec(),
            "stat": source.stat_mark(),
            "fingerprint": source.fingerprint(),
        }
        return mark | ({"given": True} if source.is_given else {})

    def _note_waiting(self, new: int, edited: int) -> None:
        if new or edited:
            self._notices.append(
                f"the list has {new} new and {counted(edited, 'edited row')} since the campaign was begun; "
                "use --refresh to take them"
            )

    def _reread(self, record: CampaignRecord) -> CampaignRecord:
        found = self._ledger.campaigns.find(record.id)
        return found if found is not None else record


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Let the garbage collector run rarely: rows make no cycles, and it would take a sixth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def empty_list(prepared: PreparedCampaign, rows: int, reasons: Sequence[str]) -> Problem:
    """The problem of a list without a recipient who can be mailed; `reasons` are those of the first rows."""
    label, recipients = prepared.source.label, prepared.recipients
    key, hint = "recipients", "; ".join(reasons) or "nothing can be sent"
    if rows:
        message = f"none of {counted(rows, 'row')} of {label} has a usable address"
    elif recipients.filtered:
        message = (
            f"{label} has no rows that match `where`: it leaves out {counted(recipients.filtered, 'row')}"
        )
        key, hint = "recipients.where", recipients.where_values() or hint
    else:
        message = f"{label} has no rows"
    return Problem(message, file=prepared.file, key=key, hint=hint)


def list_remarks(prepared: PreparedCampaign, rows: int) -> list[str]:
    """What a user should know about a list that was read to its end; `rows` are those that it gave."""
    remarks = prepared.source.remarks()
    if prepared.campaign.recipients.where and rows and not prepared.recipients.filtered:
        remarks.append(f"`where` leaves out no row of {rows:,}")
    return remarks


def twin_problem(prepared: PreparedCampaign, other: str, common: int) -> Problem:
    """The problem of the same message under another campaign's name."""
    return Problem(
        f"this is `{other}` under another name: the same message to {common} of the same recipients",
        file=prepared.file,
        hint=f'set id = "{other}" to go on with it, or say --again to send it to them once more',
    )
