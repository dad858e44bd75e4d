"""A newsletter to 20,000 recipients, 300 of which could not be reached, for six reasons: what pictures show.

board = story(new_board(Project(folder)))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import text

from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.raw_sql import to_micros
from mailrunner.store.schema import CAMPAIGN_SHIFT
from tests.support.clocks import START
from tests.support.dashboards import IDENTITY, LETTER, Board
from tests.support.large_ledger import analyse, fill

NUMBER, SENT_SO_FAR = 20_000, 14_600
_FIRST = [
    "Ana",
    "Bruno",
    "Clara",
    "David",
    "Elif",
    "Farid",
    "Greta",
    "Hanako",
    "Ioana",
    "Jonas",
    "Luca",
    "Maria",
    "Noah",
    "Olga",
    "Pavel",
]
_LAST = [
    "Pop",
    "Weber",
    "Rossi",
    "Novak",
    "Silva",
    "Larsen",
    "Dubois",
    "Tanaka",
    "Ionescu",
    "Murphy",
    "Haddad",
    "Berg",
    "Costa",
]
_COMMON = ("gmail.com",) * 8 + ("yahoo.com",) * 3 + ("outlook.com",) * 3
_DOMAINS = (*_COMMON, "gmx.de", "icloud.com", "niwa.example")
# Each kind: how many, the sentence of the ledger, code, enhanced code, the server's words.
_FAILED = (
    (118, "the server says this address does not exist", 550, "5.1.1", "no such user here"),
    (74, "the recipient's mailbox is full", 552, "5.2.2", "mailbox full, quota exceeded"),
    (41, "the recipient's mailbox is disabled", 550, "5.2.1", "the account is inactive"),
    (33, "the recipient's domain takes no mail", 550, "5.1.2", "domain has no mail exchanger"),
    (17, "the recipient's server refuses this sender", 550, "5.7.1", "blocked by policy, contact postmaster"),
)  # and 17 bounce later
_DOUBTS = range(SENT_SO_FAR - 90, SENT_SO_FAR - 87)
_SUPPRESSED = 180
_BEGUN = START - timedelta(hours=19)
_UNTRIED = {"code": None, "enhanced": "", "reply": "", "attempts": 0, "tried": None}
_PEOPLE = "UPDATE recipients SET address = :address, data = :data WHERE id = :id"
_UPDATE = """
    UPDATE deliveries SET state = :state, key = :key, reason = :reason, code = :code,
        enhanced_code = :enhanced, reply = :reply, not_before = :moment, attempts = :attempts,
        last_attempt_at = :tried, finished_at = :finished WHERE id = :id
"""
_GONE_WELL = """
    UPDATE deliveries SET state = 'sent', finished_at = not_before, reason = '', code = 250
    WHERE campaign_no = :no AND (state IN ('queued', 'in_doubt') OR id % 1000 > 8 AND state = 'failed')
"""


def story(board: Board) -> Board:
    """Write the story into an empty board: one campaign that is under way, two that were before it."""
    random = Random(7)
    ledger = board.ledger
    for name in ("spring-newsletter", "winter-appeal", "members-2027"):
        board.project.write_campaign(name, csv="spring.csv", letter=LETTER)
    board.project.write_account(limits='"15000/24h"', account="reserve = 50")
    for name, number in (("winter-appeal", 8_000), ("members-2027", 1_200)):
        _finished(ledger, fill(ledger, name, number, identity=IDENTITY))
    spring = fill(ledger, "spring-newsletter", NUMBER, identity=IDENTITY)
    _outcomes(ledger, spring, random)
    _quota(ledger, spring, random)
    _events(ledger, spring)
    analyse(ledger)
    return board


def _finished(ledger: Ledger, campaign: CampaignRecord) -> None:
    day = timedelta(days=4 + campaign.no)
    with ledger.database.write() as connection:
        connection.execute(
            text("UPDATE campaigns SET phase = 'finished', finished_at = :at WHERE no = :no"),
            {"at": to_micros(START - day), "no": campaign.no},
        )
        connection.execute(text(_GONE_WELL), {"no": campaign.no})


def _outcomes(ledger: Ledger, campaign: CampaignRecord, random: Random) -> None:
    """People with names, and what became of each."""
    fates = [why[1:] for why in _FAILED for _ in range(why[0])]
    failed = dict(zip(random.sample(range(2, SENT_SO_FAR - 20), len(fates)), fates, strict=True))
    rows, people = [], []
    for place in range(1, NUMBER + 1):
        given, family = random.choice(_FIRST), random.choice(_LAST)
        key = f"{given}.{family}{place}@{random.choice(_DOMAINS)}".lower()
        number = (campaign.no << CAMPAIGN_SHIFT) + place
        rows.append({"id": number, "key": key, **_fate(place, failed)})
        people.append({"id": number, "address": key, "data": json.dumps([key, f"{given} {family}"])})
    waits = "the account's limit is reached"
    at = {"at": to_micros(START + timedelta(hours=5)), "no": campaign.no, "why": waits}
    with ledger.database.write() as connection:
        connection.execute(
            text("UPDATE campaigns SET account_name = 'relay', created_at = :at"), {"at": to_micros(_BEGUN)}
        )
        connection.execute(text("UPDATE campaigns SET resume_at = :at, reason = :why WHERE no = :no"), at)
        connection.execute(text(_UPDATE), rows)
        connection.execute(text(_PEOPLE), people)


def _fate(place: int, failed: Mapping[int, tuple[str, int, str, str]]) -> dict[str, Any]:
    """The values of one delivery."""
    at = to_micros(_BEGUN + (START - _BEGUN) * (place / SENT_SO_FAR) ** 0.8)
    if place > SENT_SO_FAR:
        return {**_UNTRIED, "state": "queued", "reason": "", "moment": 0, "finished": None}
    if place % (SENT_SO_FAR // _SUPPRESSED) == 40 and place not in failed:
        why = 'suppressed for list "club news": unsubscribe'
        return {**_UNTRIED, "state": "suppressed", "reason": why, "moment": at, "finished": at}
    tried = {"moment": at, "attempts": 1, "tried": at, "finished": at}
    if place in failed:
        reason, code, enhanced, reply = failed[place]
        told = f"{reason}: {code} {enhanced} {reply}"
        answer = {"code": code, "enhanced": enhanced, "reply": reply}
        return {**tried, **answer, "state": "failed", "reason": told}
    if place in _DOUBTS:
        why = "the server did not say whether it took the message"
        return {**_UNTRIED, **tried, "state": "in_doubt", "reason": why, "finished": None}
    return {**tried, "state": "sent", "reason": "", "code": 250, "enhanced": "2.0.0", "reply": "OK"}


def _quota(ledger: Ledger, campaign: CampaignRecord, random: Random) -> None:
    left = 14_950
    with ledger.database.write() as connection:
        log = UsageLog(connection, account_scope(campaign.account_no))
        log.add(START - timedelta(hours=44), 4_831)  # more than a day before the first of the others
        for quarter in range(76, 0, -1):
            slots = min(left, round(14_950 / 76 * (0.6 + 0.8 * random.random())) if quarter > 1 else left)
            log.add(START - timedelta(minutes=15) * quarter, slots)
            left -= slots


def _events(ledger: Ledger, campaign: CampaignRecord) -> None:
    kinds = [EventKind.UNSUBSCRIBED] * 31 + [EventKind.BOUNCED] * 22 + [EventKind.COMPLAINED] * 5
    events = [
        InboundEvent(
            kind=kind, source="inbox", delivery=(campaign.no << CAMPAIGN_SHIFT) + 1 + place * 53,
            fingerprint=f"<{place}@example.net>", happened_at=START - timedelta(minutes=17 * (place % 40)),
            detail="550 5.1.1 no such user here",
        )
        for place, kind in enumerate(kinds)
    ]  # fmt: skip
    ledger.inbound_events.ingest(events)
