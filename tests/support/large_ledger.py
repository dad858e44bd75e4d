"""Ledgers of any size, filled by the database itself: a million deliveries are made in seconds.

campaign = fill(ledger, "spring", 20_000)
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.raw_sql import to_micros
from mailrunner.store.schema import CAMPAIGN_SHIFT
from tests.support.clocks import START
from tests.support.ledger_builder import load_campaign

_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, CAST({number} AS bigint))) ",
}
# In a thousand: 960 sent, 20 failed of two kinds, 10 suppressed, 1 in doubt, 9 queued.
_STATE = """CASE WHEN i % 1000 < 960 THEN 'sent' WHEN i % 1000 < 980 THEN 'failed'
    WHEN i % 1000 < 990 THEN 'suppressed' WHEN i % 1000 = 999 THEN 'in_doubt' ELSE 'queued' END"""
_ADDRESS = "'person' || i || '@' || CASE WHEN i % 5 = 0 THEN 'yahoo.example' ELSE 'club.example' END"
_DELIVERIES = """
    INSERT INTO deliveries (id, campaign_no, row, key, state, reason, not_before, attempts, code, reply,
        last_attempt_at, finished_at)
    SELECT id, no, i + 1, key, state,
        CASE WHEN state = 'failed' THEN 'refused: ' || code || ' no such user ' || i
            WHEN state = 'suppressed' THEN 'unsubscribed' ELSE '' END,
        CASE WHEN state = 'queued' THEN 0 ELSE moment END,
        1, CASE WHEN state = 'queued' THEN NULL ELSE code END,
        CASE WHEN state = 'failed' THEN 'no such user ' || i ELSE 'OK' END, moment,
        CASE WHEN state IN ('queued', 'in_doubt') THEN NULL ELSE moment END
    FROM (SELECT {base} + i AS id, {no} AS no, i, {address} AS key, {state} AS state,
        {start} + {step} * i AS moment,
        CASE WHEN i % 1000 < 960 THEN 250 WHEN i % 2 = 0 THEN 550 ELSE 452 END AS code FROM n) AS made
"""
_RECIPIENTS = (
    "INSERT INTO recipients (id, address, data) "
    "SELECT {base} + i, {address}, '[\"' || {address} || '\", \"Person ' || i || '\"]' FROM n"
)
_STEP = 50_000  # microseconds between two messages


def fill(
    ledger: Ledger, campaign_id: str, number: int, *, identity: str = "gmail/ana@gmail.com"
) -> CampaignRecord:
    """A begun campaign of so many deliveries in all states, with what the database knows of their spread."""
    campaign = load_campaign(ledger, [], campaign_id, identity=identity)
    start = to_micros(START) - number * _STEP
    values = {"no": campaign.no, "base": campaign.no << CAMPAIGN_SHIFT, "start": start, "step": _STEP}
    with ledger.database.write() as connection:
        _execute(connection, f'UPDATE campaigns SET columns = \'["email", "name"]\' WHERE no = {campaign.no}')
        numbers = _NUMBERS[connection.dialect.name].format(number=number)
        for statement in (_DELIVERIES, _RECIPIENTS):
            made = statement.format(**values, address=_ADDRESS, state=_STATE)
            head, _, rest = made.partition("SELECT")
            _execute(connection, f"{head} {numbers} SELECT {rest}")
    analyse(ledger)
    return campaign


def analyse(ledger: Ledger) -> None:
    """Gather the database's statistics."""
    with ledger.database.write() as connection:
        _execute(connection, "ANALYZE")


def _execute(connection: Connection, statement: str) -> None:
    connection.execute(text(statement.replace(":", r"\:")))
