"""Preflight checks: each row is rendered, nothing is sent.

`inspect` streams the list, so a million rows need no more memory than a thousand.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from secrets import token_bytes

from mailrunner.errors import RowError, UserError
from mailrunner.model.mistyped_domain import suggestion
from mailrunner.model.number_and_noun import counted
from mailrunner.model.suppression import governing
from mailrunner.model.tokens import TokenSigner
from mailrunner.recipients.reader import RecipientRow, flag_duplicates
from mailrunner.rendering.lint import remarks
from mailrunner.rendering.lint.shapes import ShapeRemarks
from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.sending.account_warnings import learned_warnings, provider_warnings
from mailrunner.sending.api_settings import api_of, fixed_bearer
from mailrunner.sending.left_out import LeftOutKind, LeftOutRow, left_out_row
from mailrunner.sending.list_import import empty_list, list_remarks, twin_problem
from mailrunner.sending.login_warnings import login_warnings
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign, digests_of
from mailrunner.sending.render_check import nothing_renders
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.snapshot import known_lists
from mailrunner.transports.smtp.probe import probe

_EXAMPLES = 20
_REASONS = 3
_CHUNK = 500
_PER_ANSWER = 5.0  # seconds
_UTF8_REFUSED = (
    "an address has letters beyond ASCII before the @, and the server offers no SMTPUTF8: they would fail"
)
_NEEDS_UTF8 = "an address has letters beyond ASCII before the @: only a server with SMTPUTF8 takes it"


@dataclass(slots=True)
class CheckFinding:
    """A remark on messages: how many have it, and the first of them."""

    kind: str
    number: int
    row: int
    address: str
    detail: str
    last: int  # the row that was counted last: a message may have the same twice


@dataclass(slots=True)
class PreflightResult:
    """The effect that a run would have now.

    `to_send` counts the rows that would be sent, `failing` those that cannot become a message, `done`
    those that were sent or refused before.  `skipped` and `suppressed` count by reason; of them `examples`
    are the first, as `failures` are of those that cannot become a message.
    """

    rows: int = 0
    to_send: int = 0
    failing: int = 0
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    examples: list[LeftOutRow] = field(default_factory=list)
    failures: list[LeftOutRow] = field(default_factory=list)
    findings: dict[str, CheckFinding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    largest: int = 0
    octets: int = 0
    variants: Counter[str] = field(default_factory=Counter)

    @property
    def left_out(self) -> int:
        """The number of rows that are skipped or suppressed."""
        return self.skipped.total() + self.suppressed.total()


class Preflight:
    """Checks one prepared campaign as a run would."""

    def __init__(
        self,
        prepared: PreparedCampaign,
        ledger: Ledger,
        now: datetime,
        progress: Callable[[int], None],
        *,
        on_left_out: Callable[[LeftOutRow], None] = lambda _: None,
    ) -> None:
        """`on_left_out` is called for every row that would not be sent, in the order of the list."""
        self._on_left_out = on_left_out
        self._prepared, self._ledger, self._now, self._progress = prepared, ledger, now, progress
        self._factory = MessageFactory(
            prepared,
            columns=prepared.recipients.columns,
            signer=TokenSigner((token_bytes(),)),
            domain=prepared.message_domain,
        )
        self._record = ledger.campaigns.find(prepared.campaign.id)
        self._twin = None if self._record else _twin(prepared, ledger)
        self._found = PreflightResult()
        self._elsewhere: Counter[str] = Counter()
        self._pages = ShapeRemarks(prepared.renderer.outline)
        access = prepared.account.api
        self._api = api_of(prepared.account, access, fixed_bearer(access)) if access else None

    def inspect(self) -> PreflightResult:
        """Render every row; raises UserError for what is wrong for all of them."""
        found = self._found
        stream = flag_duplicates(self._prepared.recipients.chunks())
        common = 0
        while chunk := list(islice(stream, _CHUNK)):
            common += self._twins(chunk)
            self._chunk(chunk)
            self._progress(found.rows)
        if not found.to_send and not found.failing and not found.done and not found.suppressed:
            raise UserError(empty_list(self._prepared, found.rows, first_reasons(found.examples)))
        if found.failing and not found.to_send:
            raise UserError(nothing_renders(self._prepared, first_reasons(found.failures)))
        if common and self._twin is not None:
            raise UserError(twin_problem(self._prepared, self._twin.id, common))
        found.warnings += [*self._warnings()]
        if _NEEDS_UTF8 in found.findings and self._api is None:
            self._ask_for_utf8(found.findings)
        return found

    def _ask_for_utf8(self, findings: dict[str, CheckFinding]) -> None:
        """Have the account's server say, in its EHLO, whether it takes these addresses; it may be away."""
        account = self._prepared.account
        met = probe(
            host=account.host,
            port=account.port,
            tls=account.tls,
            ca_file=account.ca_file,
            timeout=_PER_ANSWER,
        )
        if met.takes_utf8:
            del findings[_NEEDS_UTF8]
        elif not met.refusal:
            findings[_NEEDS_UTF8].kind = _UTF8_REFUSED

    def _twins(self, chunk: list[tuple[RecipientRow, bool]]) -> int:
        """The number of these recipients who have the same message under another campaign's name."""
        if self._twin is None:
            return 0
        keys = [row.key for row, _ in chunk if row.key]
        return len(self._ledger.deliveries.states_of(self._twin.no, keys))

    def _chunk(self, chunk: list[tuple[RecipientRow, bool]]) -> None:
        keys = [row.key for row, duplicate in chunk if row.key and not duplicate]
        entries = self._ledger.suppressions.matching(keys)
        states = self._ledger.deliveries.states_of(self._record.no, keys) if self._record else {}
        for row, duplicate in chunk:
            self._found.rows += 1
            if row.problem or row.key is None:
                self._skip(LeftOutKind.INVALID, row, row.problem)
            elif duplicate:
                self._skip(LeftOutKind.DUPLICATE, row, "the address stands in an earlier row")
            elif states.get(row.key, "queued") in _OVER:
                self._found.done += 1
            else:
                self._check(row, entries.get(row.key, []))

    def _check(self, row: RecipientRow, suppressions: list) -> None:  # type: ignore[type-arg]
        lists = self._prepared.lists
        holding = governing(suppressions, lists=lists, transactional=self._prepared.transactional)
        for other in suppressions:
            if other.reason == "unsubscribe" and other.list_key and other.list_key not in lists:
                self._elsewhere[other.list_key] += 1
        if holding is not None:
            self._found.suppressed[str(holding)] += 1
            self._leave_out(LeftOutKind.SUPPRESSED, row, str(holding), self._found.examples)
            return
        if typo := suggestion(row.wire.rpartition("@")[2]):
            self._remark(f'an address looks mistyped (did you mean "{typo}"?)', row, row.address)
        if not row.wire.rpartition("@")[0].isascii():
            self._remark(_NEEDS_UTF8, row, row.address)
        if row.wire.endswith(_RESERVED):
            self._remark(
                "an address in a domain that is reserved for examples: it has no mailboxes", row, row.address
            )
        self._render(row)

    def _render(self, row: RecipientRow) -> None:
        found = self._found
        try:
            fields = self._factory.fields(row.row, row.address, row.values)
            message = self._prepared.renderer.render(fields, self._now)
        except RowError as error:
            self._fail(row, str(error))
            return
        if self._api is not None and (reason := self._api.refuses(MessagePieces(message))):
            self._fail(row, reason)
            return
        found.to_send += 1
        if fields.variant:
            found.variants[fields.variant] += 1
        found.octets += message.size
        found.largest = max(found.largest, message.size)
        for kind, detail in remarks(message.html, message.subject, message.size, message.images):
            self._remark(kind, row, detail)
        for kind, detail in self._pages.remarks(message):
            self._remark(kind, row, detail)

    def _fail(self, row: RecipientRow, reason: str) -> None:
        self._found.failing += 1
        self._leave_out(LeftOutKind.FAILING, row, reason, self._found.failures)

    def _skip(self, kind: LeftOutKind, row: RecipientRow, reason: str) -> None:
        self._found.skipped[str(kind)] += 1
        self._leave_out(kind, row, reason, self._found.examples)

    def _leave_out(
        self, kind: LeftOutKind, row: RecipientRow, reason: str, examples: list[LeftOutRow]
    ) -> None:
        left_out = left_out_row(self._prepared.source, self._prepared.recipients, row, kind, reason)
        self._on_left_out(left_out)
        if len(examples) < _EXAMPLES:
            examples.append(left_out)

    def _remark(self, kind: str, row: RecipientRow, detail: str) -> None:
        known = self._found.findings.get(kind)
        if known is None:
            self._found.findings[kind] = CheckFinding(kind, 1, row.row, row.address, detail, row.row)
        elif known.last != row.row:
            known.number, known.last = known.number + 1, row.row

    def _warnings(self) -> Iterator[str]:
        account = self._prepared.account
        yield from account_warnings(self._prepared, self._now)
        yield from learned_warnings(self._ledger.accounts.learned(account.identity), account.name)
        yield from filter(None, (*self._ledger.warnings, self._ledger.clock_warning))
        yield from list_remarks(self._prepared, self._found.rows)
        yield from self._list_warnings()

    def _list_warnings(self) -> Iterator[str]:
        """A list's name is what recipients unsubscribe from: a new spelling would mail the unsubscribed."""
        key, name = self._prepared.campaign.list_key, self._prepared.campaign.list_name
        known = known_lists(self._ledger.database)
        if key and key not in known and known:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
            if close:
                yield (
                    f'the list "{name}" is new but resembles "{known[close[0]]}": recipients who left '
                    "that one would get this; if it is the same, name it so, or set formerly in "
                    f'[lists."{name}"]'
                )
        for other, number in self._elsewhere.most_common():
            left = counted(number, "of these recipients has", "of these recipients have")
            yield f'{left} left another list, "{known.get(other, other)}"'


def first_reasons(rows: Iterable[LeftOutRow]) -> list[str]:
    """The first reasons that differ, each with its row."""
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row.reason, f"{row.place}: {row.reason}")
    return list(found.values())[:_REASONS]


def _twin(prepared: PreparedCampaign, ledger: Ledger) -> CampaignRecord | None:
    """A begun campaign with the same message under another name."""
    mine = frozenset(prepared.message_digests())
    begun = (campaign for campaign in ledger.campaigns.all() if campaign.phase not in _UNSENT)
    return next((campaign for campaign in begun if mine.intersection(digests_of(campaign))), None)


_RESERVED = (".example", "@example.com", "@example.net", "@example.org")  # RFC 2606
_OVER = frozenset({"sent", "failed", "in_doubt", "suppressed", "claimed", "sending"})
_UNSENT = frozenset({"loading", "ready"})


def account_warnings(prepared: PreparedCampaign, now: datetime) -> Iterator[str]:
    """Warnings that follow from the account and the campaign, whoever the recipients are."""
    account = prepared.account
    sender = prepared.from_address
    yield from provider_warnings(prepared)
    if account.preset.from_rewritten and "@" in account.user and sender.casefold() != account.user.casefold():
        yield (
            f"From is {sender}, but {account.preset.title} sends as {account.user} and rewrites other "
            "addresses unless they are set up there as an alias"
        )
    elif (
        "@" in account.user and _domain(sender) != _domain(account.user) and not account.preset.from_rewritten
    ):
        yield (
            f"From is {sender}, but the account is {account.user}: if its domain is not set up for this "
            "account, receivers will distrust it (SPF, DKIM, DMARC)"
        )
    if _domain(sender) in ("gmail.com", "googlemail.com") and account.preset.family != "google":
        yield "From is a Gmail address, but the message does not go through Gmail: receivers will refuse it"
    yield from login_warnings(account, now)
    for limit in account.limits:
        if limit.number is None:
            yield f"the limit of {limit.window} is lifted: a passed cap can block the account"
    if not prepared.transactional:
        yield from _bulk_warnings(prepared)
    elif not prepared.campaign.list_key and prepared.renderer.uses("unsubscribe_url"):
        yield (
            "the message has {{ unsubscribe_url }} and the campaign names no list: whoever follows the link "
            "leaves all lists, and still gets messages of this kind; name a list, or take the link out"
        )


def _bulk_warnings(prepared: PreparedCampaign) -> Iterator[str]:
    """What laws and mailbox providers ask of mail to many."""
    message = prepared.campaign.message
    if not message.postal_address or not prepared.renderer.uses("postal_address"):
        yield (
            "no postal address in the message: many countries' laws want one; set postal_address and use "
            "{{ postal_address }}"
        )
    if prepared.project.unsubscribe.base_url is None:
        yield (
            "without [unsubscribe] base_url recipients can only leave by mail; Gmail and Yahoo ask bulk "
            "senders for one click"
        )


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
