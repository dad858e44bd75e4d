"""The columns of a report, and their values for a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailrunner.clock import rfc3339
from mailrunner.model.address import normalise
from mailrunner.model.delivery import OPEN
from mailrunner.model.suppression import is_pseudonym
from mailrunner.model.tokens import TokenSigner, message_id
from mailrunner.model.variants import variant_of
from mailrunner.store.report_rows import ReportRow

COLUMNS = (
    *("address", "normalised", "state", "reason", "code", "enhanced_code", "reply", "provider_id"),
    *("message_id", "attempts", "last_attempt_at", "finished_at", "row", "came_back", "came_back_at"),
    "variant",
)


class Columns:
    """Gives the values of rows, by the names in `COLUMNS`; `domain` is that of the Message-IDs.

    `variants` are the names of the campaign's, for which its id is needed.
    """

    def __init__(
        self, *, signer: TokenSigner, domain: str, campaign: str = "", variants: Sequence[str] = ()
    ) -> None:
        self._signer, self._domain = signer, domain
        self._campaign, self._variants = campaign, variants

    def values(self, row: ReportRow) -> dict[str, Any]:
        """Numbers are int or None, times RFC 3339 in UTC or None, all else is text."""
        return {
            "address": row.address,
            "normalised": _normalised(row),
            "state": row.state.value,
            "reason": row.reason,
            "code": row.code,
            "enhanced_code": row.enhanced_code,
            "reply": row.reply,
            "provider_id": row.provider_id,
            "message_id": self._message_id(row),
            "attempts": row.attempts,
            "last_attempt_at": rfc3339(row.last_attempt_at),
            "finished_at": rfc3339(row.finished_at),
            "row": row.row,
            "came_back": row.came_back,
            "came_back_at": rfc3339(row.came_back_at),
            "variant": row_variant(row, self._variants, self._campaign) if self._variants else "",
        }

    def _message_id(self, row: ReportRow) -> str:
        """The Message-ID of a delivery that was tried or will be; empty for one that never had a message."""
        if not row.attempts and row.state not in OPEN:
            return ""
        return message_id(self._signer, row.id, self._domain)


def row_variant(row: ReportRow, variants: Sequence[str], campaign: str) -> str:
    """The variant of a row's recipient; "" where there is none, or the address was erased."""
    if row.key is None or is_pseudonym(row.key):
        return ""
    return variant_of(row.key, variants, campaign)


def _normalised(row: ReportRow) -> str:
    """The key; of a duplicate, whose key the ledger keeps with the first row, it is computed again."""
    if row.key is not None:
        return row.key
    try:
        return normalise(row.address).key
    except ValueError:
        return ""
