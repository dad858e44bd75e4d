"""The parsers of what strangers send, each with samples and with what must hold for any input.

A target raises nothing for an input that is handled as documented; whatever it raises is a finding.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from mailrunner.errors import UserError
from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.imap import INBOX, ImapMailbox
from mailrunner.inbound.imap_connection import ImapLoginRefusedError, ImapUnavailableError
from mailrunner.inbound.message import UnreadableError
from mailrunner.inbound.webhook_auth import WebhookError
from mailrunner.inbound.webhooks import WebhookParser
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.outcome import Action, Stage
from mailrunner.model.suppression import Pseudonyms
from mailrunner.model.terminal_text import printable
from mailrunner.model.tokens import BOUNCE, MESSAGE, UNSUBSCRIBE, TokenSigner
from mailrunner.recipients.cell import from_text
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList
from mailrunner.replies import classify, outcome, parse
from mailrunner.suppression.import_file import SuppressionFile
from tests.data import bounces, provider_events
from tests.support.imap_script import ScriptedImap
from tests.support.odd_lists import german_workbook, open_document
from tests.support.recipient_tables import LIST, Spec, rows_of

DATA = Path(__file__).parents[1] / "data"
SIGNER = TokenSigner((b"a secret of this ledger",))
SENT_BY = TokenSigner((b"another ledger",))
SUPPRESSING = {EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED}
LONGEST_WAIT = timedelta(days=8)


@dataclass(frozen=True)
class Target:
    """Something that reads octets of strangers; `samples` are good ones."""

    samples: Callable[[], Sequence[bytes]]
    run: Callable[[bytes], None]


def _is_shown(text: str) -> None:
    """Text of strangers can be stored and written: whole characters, and none that steers a terminal."""
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in shown)


def _holds(event: InboundEvent) -> None:
    for text in (event.address, event.detail, event.enhanced_code, event.provider_id, event.fingerprint):
        assert "\0" not in text
        text.encode("utf-8")
        _is_shown(text)
    assert event.happened_at is None or event.happened_at.tzinfo is not None, "a time without a zone"


@cache
def _mails() -> Sequence[bytes]:
    tokens = bounces.Tokens(SENT_BY, 17)
    own = [bounces.sample(name, tokens) for name in bounces.names()]
    return [
        *own,
        *(path.read_bytes() for path in sorted((DATA / "bounces/flufl").glob("*")) if path.is_file()),
    ]


def mail(raw: bytes) -> None:
    """No mail that lacks a token of this ledger is about a delivery of it, whatever it says."""
    classifier = MessageClassifier(signer=SIGNER, identity="google/ana@gmail.com", domains=("gmail.com",))
    with suppress(UnreadableError):
        classifier.may_concern(raw.partition(b"\r\n\r\n")[0])
    try:
        event = classifier.understand(raw)
    except UnreadableError as error:
        assert "malformed" not in str(error), error
        _is_shown(str(error))
        return
    if event is not None:
        _holds(event)
        assert event.delivery is None and event.kind not in SUPPRESSING, event


@cache
def _poster() -> provider_events.Poster:
    return provider_events.Poster(signer=SENT_BY, number=17)


@cache
def _webhooks() -> WebhookParser:
    certificate = _poster().certificate()
    return WebhookParser(_poster().settings, signer=SIGNER, notify=_is_shown, fetch=lambda _: certificate)


@cache
def _events() -> Sequence[bytes]:
    return [
        f"{name.partition('_')[0]} {json.dumps(_poster().event(name))}".encode()
        for name in provider_events.names()
    ]


def event(octets: bytes) -> None:
    """A body with the provider's proof that is none of its events is refused, not half read."""
    provider, _, body = octets.partition(b" ")
    name = provider.decode("latin-1")
    if name not in _poster().settings:
        name = "ses"
    try:
        headers, posted = _poster().post(name, json.loads(body))
    except (ValueError, RecursionError):
        headers, posted = _poster().post(name, {})
        posted = body
    with suppress(WebhookError):
        for found in _webhooks().parse(name, headers, posted, now=provider_events.NOW):
            _holds(found)
            assert found.delivery is None


@cache
def _replies() -> Sequence[bytes]:
    return [
        line
        for path in sorted((DATA / "replies").glob("*.csv"))
        for line in path.read_bytes().splitlines()[1:]
    ]


def reply(octets: bytes) -> None:
    """Any answer has an outcome; a wait is of a week at most; only some stages may suppress."""
    text = octets.decode("utf-8", "replace")
    for stage in Stage:
        for code in (0, 250, 354, 421, 450, 452, 550, 554, 999):
            answer = parse(stage, code, text)
            verdict = classify(stage, code, answer.enhanced, answer.text)
            outcome(answer, now=provider_events.NOW)
            _is_shown(answer.text)
            assert verdict.retry_after is None or timedelta(0) < verdict.retry_after < LONGEST_WAIT
            assert verdict.retry_at is None or verdict.retry_at.tzinfo is not None
            if verdict.action is Action.SUPPRESS:
                assert stage in (Stage.RCPT, Stage.DATA, Stage.EOD), stage


@cache
def _tokens() -> Sequence[bytes]:
    return [SENT_BY.token(purpose, 17).encode() for purpose in (UNSUBSCRIBE, MESSAGE, BOUNCE)]


def token(octets: bytes) -> None:
    """Nothing but a token of this ledger opens."""
    for purpose in (UNSUBSCRIBE, MESSAGE, BOUNCE):
        assert SIGNER.number(purpose, octets.decode("utf-8", "replace")) is None
        assert SIGNER.number(purpose, octets.decode("latin-1")) is None


_SUPPRESSIONS = (
    b"email\nana@example.org\n@example.net\n",
    b"ana@example.org\nbo@example.org\n",
    b"Email Address,First Name,MEMBER_RATING\nana@example.org,Ana,2\n",
    b'{"SuppressedDestinationSummaries":[{"EmailAddress":"ana@example.org","Reason":"BOUNCE"}]}',
    b'[{"email":"ana@example.org","created":1700000000,"reason":"x","status":"5.1.1"}]',
    b"key,list,reason,source,at\nana@example.org,,bounce,x,2026-01-01T00:00:00Z\n",
)


def suppressions(octets: bytes) -> None:
    """A file of addresses is read, or refused with a sentence; an entry is an address or a domain."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("left.json" if octets[:1] in b"[{" else "left.csv")
        path.write_bytes(octets)
        try:
            file = SuppressionFile.open(path, column=None, pseudonyms=_pseudonyms())
            _is_shown("".join(file.summarise(lambda keys: ()).examples))
            keys = [key for _, found in file.groups() for key in found]
        except UserError as error:
            _is_shown(str(error))
            return
        assert all("@" in key and not set(key) & set(" \0\r\n") for key in keys)


@cache
def _pseudonyms() -> Pseudonyms:
    return Pseudonyms.of_ledger("a ledger")


def cells(octets: bytes) -> None:
    """A list is read, or refused with a sentence; a cell has a type, or the row a problem."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "list.csv").write_bytes(octets)
        types = {"points": "int", "since": "date"}
        spec = Spec(csv="list.csv", types=types)
        with suppress(UserError):
            source = open_source(spec, Path(folder))
            for chunk in RecipientList(source, spec, file="campaigns/spring.toml").chunks():
                for row in chunk:
                    assert row.problem or "@" in (row.key or "")
                    _is_shown(row.address)
    for type_name in ("int", "float", "bool", "date", "datetime"):
        with suppress(ValueError):
            from_text(octets.decode("utf-8", "replace")[:200], type_name)


_ODS = (
    "<table:table-row><table:table-cell><text:p>email</text:p></table:table-cell>"
    "<table:table-cell><text:p>name</text:p></table:table-cell></table:table-row>"
    '<table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="string">'
    "<text:p>ana@example.org</text:p></table:table-cell>"
    '<table:table-cell office:value-type="float" office:value="7" table:number-columns-repeated="2"/>'
    "</table:table-row>"
)
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_CONTENT = {".ods": "content.xml", ".xlsx": "xl/worksheets/sheet1.xml"}


@cache
def _workbooks() -> dict[str, bytes]:
    """A file of each format of sheets, by its suffix."""
    with tempfile.TemporaryDirectory() as folder:
        german_workbook(Path(folder) / "list.xlsx")
        open_document(Path(folder) / "list.ods", _ODS)
        made = {suffix: (Path(folder) / f"list{suffix}").read_bytes() for suffix in (".xlsx", ".ods")}
    return {**made, ".xls": (DATA / "lists/people.xls").read_bytes()}


def _sheet_parts() -> Sequence[bytes]:
    """The part of each archive that holds the cells."""
    return [zipfile.ZipFile(BytesIO(_workbooks()[kind])).read(part) for kind, part in _CONTENT.items()]


def workbook(octets: bytes) -> None:
    """A file of sheets is read as text, or refused with a sentence."""
    kind = ".xls" if octets[:4] == _OLD_EXCEL else ".ods" if b"opendocument" in octets else ".xlsx"
    with tempfile.TemporaryDirectory() as folder, suppress(UserError):
        (Path(folder) / f"list{kind}").write_bytes(octets)
        source = open_source(Spec(xlsx=f"list{kind}", hidden="take"), Path(folder))
        for _, cells in rows_of(source):
            assert all(isinstance(cell, str) for cell in cells)


def sheet(octets: bytes) -> None:
    """The same for an archive that is whole, whatever its cells are."""
    kind = ".ods" if b"office:" in octets else ".xlsx"
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(_workbooks()[kind])) as whole, zipfile.ZipFile(made, "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, octets if name == _CONTENT[kind] else whole.read(name))
    workbook(made.getvalue())


_IMAP = (
    b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"\r\n',
    b"* SEARCH 1 2 3\r\n",
    b"* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[HEADER] {12}\r\nSubject: x\r\n\r\n)\r\n",
    b"* OK [UIDVALIDITY 3857529045] UIDs valid\r\n",
    b"* BYE see you\r\n",
)


def imap(octets: bytes) -> None:
    """Whatever a server answers, the mailbox is read or unavailable."""

    def answer(tag: str) -> list[bytes]:
        return [octets, b"\r\n", f"{tag} OK done\r\n".encode()]

    answers: dict[str, Any] = dict.fromkeys(("LIST", "SELECT", "SEARCH", "FETCH", "EXAMINE"), answer)
    refused = (ImapUnavailableError, ImapLoginRefusedError)
    with (
        ScriptedImap(answers=answers) as server,
        suppress(*refused),
        ImapMailbox.open(server.settings(), ca_file=None, timeout=2) as mailbox,
    ):
        for folder in mailbox.folders():
            folder.name.encode("utf-8")
        mailbox.select(INBOX, readonly=True)
        assert all(number > 0 for number in mailbox.search("ALL"))
        assert set(dict(mailbox.headers([1, 2]))) <= {1, 2}
        mailbox.message(1)


TARGETS = {
    "mail": Target(_mails, mail),
    "event": Target(_events, event),
    "reply": Target(_replies, reply),
    "token": Target(_tokens, token),
    "suppressions": Target(lambda: _SUPPRESSIONS, suppressions),
    "cells": Target(lambda: (LIST.encode(),), cells),
    "workbook": Target(lambda: list(_workbooks().values()), workbook),
    "sheet": Target(_sheet_parts, sheet),
    "imap": Target(lambda: _IMAP, imap),
}
