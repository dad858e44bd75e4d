"""The recipients of a campaign a page at a time, and the page of one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from mailrunner.errors import MailrunnerError, Problem, UserError
from mailrunner.model.address import normalise
from mailrunner.model.delivery import State
from mailrunner.store import CampaignRecord, Phase
from mailrunner.store.browsing import ListedDelivery
from mailrunner.store.raw_sql import from_micros, to_micros
from mailrunner.web.dashboard.page_parts import EVENT_WORDS, STATE_WORDS, Desk, ShownMessage

AT_ONCE = 50
FILTERS = {
    "failed": (State.FAILED,),
    "in_doubt": (State.IN_DOUBT,),
    "sent": (State.SENT,),
    "suppressed": (State.SUPPRESSED,),
    "skipped": (State.SKIPPED,),
    "queued": (State.QUEUED,),
    "in_flight": (State.CLAIMED, State.SENDING),
}
_LONGEST_SEARCH = 320
_MOST_EVENTS = 100


def recipients_page(desk: Desk, record: CampaignRecord, query: Mapping[str, str]) -> dict[str, Any]:
    """The values of the list: one state from the newest on, by the beginning of an address, or in order."""
    searched, state = search_key(query.get("q", "")), query.get("state", "")
    states = FILTERS.get(state)
    browsing = desk.ledger.browsing
    if searched:
        rows = browsing.beginning_with(record.no, searched, most=AT_ONCE)
        more = ""
    elif states:
        before = _position(query.get("after", ""))
        rows = browsing.newest(record.no, states, most=AT_ONCE, before=before)
        more = _more(rows, state=state, after=f"{to_micros(rows[-1].moment)}.{rows[-1].id}" if rows else "")
    else:
        after = query.get("after", "0")
        rows = browsing.in_order(record.no, after=_number(after), most=AT_ONCE)
        more = _more(rows, after=str(rows[-1].place) if rows else "")
    return {
        "record": record,
        "rows": rows,
        "more": more,
        "q": query.get("q", ""),
        "state": state if states and not searched else "",
        "filters": {name: name.replace("_", " ") for name in FILTERS},
        "state_words": STATE_WORDS,
        "can_requeue": state in ("failed", "suppressed", "skipped"),
    }


def recipient_page(desk: Desk, record: CampaignRecord, place: int) -> dict[str, Any]:
    """The values of one recipient's page; raises UserError where there is no such delivery."""
    one = delivery_at(desk, record, place)
    cells = _cells(desk, record, one)
    message, problem = None, ""
    try:
        message = message_of(desk, record, one)
    except MailrunnerError as error:
        problem = str(error)
    browsing = desk.ledger.browsing
    ids = {found.no: found for found in desk.ledger.campaigns.all()}
    return {
        "record": record,
        "one": one,
        "cells": cells,
        "message": message,
        "problem": problem,
        "has_changed": record.phase in (Phase.FINISHED, Phase.CANCELLED),
        "events": browsing.events_of(one.id, one.key, most=_MOST_EVENTS),
        "event_words": EVENT_WORDS,
        "state_words": STATE_WORDS,
        "others": [
            (ids[other.campaign_no], other)
            for other in (browsing.of_key(one.key) if one.key else [])
            if other.campaign_no != record.no and other.campaign_no in ids
        ],
        "entries": desk.ledger.suppressions.entries(one.key) if one.key else [],
        "history": desk.ledger.suppressions.history(one.key) if one.key else [],
    }


def delivery_at(desk: Desk, record: CampaignRecord, place: int) -> ListedDelivery:
    """The delivery at a place; raises UserError for none."""
    one = desk.ledger.browsing.one(record.no, place)
    if one is None:
        raise UserError(Problem(f"{record.id} has no recipient number {place:,}"))
    return one


def message_of(desk: Desk, record: CampaignRecord, one: ListedDelivery) -> ShownMessage:
    """The message rendered again; raises MailrunnerError where it cannot be."""
    data = desk.ledger.browsing.data(one.id)
    if data is None:
        raise UserError(Problem("the row's cells were deleted, so its message cannot be shown"))
    if one.address is None or one.key is None:
        raise UserError(Problem("the row has no usable address, so it has no message"))
    return desk.show_message(record, one, json.loads(data))


def search_key(text: str) -> str:
    """The beginning of a key as it stands in the ledger; a whole address in its normal form."""
    asked = "".join(character for character in text.strip() if character.isprintable())[:_LONGEST_SEARCH]
    if "@" in asked.strip("@"):
        with suppress(ValueError):
            return normalise(asked).key
    return asked.casefold()


def _cells(desk: Desk, record: CampaignRecord, one: ListedDelivery) -> list[tuple[str, str]]:
    """The columns of the list with this row's cells; none where they were purged."""
    data = desk.ledger.browsing.data(one.id)
    values = json.loads(data) if data is not None else []
    return list(zip(record.columns, values, strict=False))


def _more(rows: list[ListedDelivery], **query: str) -> str:
    """The query of the next page; "" where this is the last."""
    return urlencode(query) if len(rows) == AT_ONCE else ""


def _position(text: str) -> tuple[datetime, int] | None:
    moment, _, number = text.partition(".")
    if not moment.lstrip("-").isdigit() or not number.isdigit() or len(moment) > 18 or len(number) > 18:
        return None
    with suppress(OverflowError):
        return from_micros(int(moment)), int(number)
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
