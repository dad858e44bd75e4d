"""The pages of the suppression list and of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailrunner.store.snapshot import known_lists
from mailrunner.web.dashboard.page_parts import EVENT_WORDS, Desk
from mailrunner.web.dashboard.recipients_page import search_key

LEAST_SEARCHED = 3  # characters: the list is looked into, not read out
_MOST_ENTRIES, _MOST_LINES = 50, 40


def suppressions_page(desk: Desk, query: Mapping[str, str], user: str) -> dict[str, Any]:
    """The values of the suppression list's page: a search, or the history of one name; both are logged."""
    asked, name = search_key(query.get("q", "")), search_key(query.get("name", ""))
    suppressions = desk.ledger.suppressions
    found = []
    if len(asked) >= LEAST_SEARCHED:
        found = desk.ledger.browsing.suppressed(asked, most=_MOST_ENTRIES)
        desk.note(user, "searched the suppression list", text=asked, found=len(found))
    return {
        "q": query.get("q", ""),
        "is_short": bool(asked) and len(asked) < LEAST_SEARCHED,
        "entries": found,
        "is_cut": len(found) == _MOST_ENTRIES,
        "name": name,
        "holding": suppressions.entries(name) if name else [],
        "history": suppressions.history(name) if name else [],
        "lists": known_lists(desk.ledger.database),
        "imports": suppressions.imports()[-10:][::-1],
    }


def log_page(desk: Desk) -> dict[str, Any]:
    """The values of the log: what users did here, runs, inbound events, unsubscribe requests."""
    return {
        "actions": desk.actions(_MOST_LINES),
        "runs": desk.ledger.browsing.runs(most=_MOST_LINES),
        "events": desk.ledger.browsing.latest_events(most=_MOST_LINES),
        "requests": desk.ledger.inbound_events.open_requests()[:_MOST_LINES],
        "event_words": EVENT_WORDS,
    }
