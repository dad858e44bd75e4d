"""Findings of the doctor that are kept in the ledger, and shown again with their date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from mailrunner.clock import utc_day
from mailrunner.model.learned_fact import LearnedFact
from mailrunner.sending.doctor.finding import Finding, Level

_HOLDS = {Level.OK: True, Level.INFO: True, Level.WARNING: False, Level.FAULT: False}


def facts_of(findings: Iterable[Finding], now: datetime) -> list[LearnedFact]:
    """The findings that are to be kept; the last of a fact counts where there are several."""
    return [
        LearnedFact(finding.fact, _HOLDS[finding.level], finding.what, now)
        for finding in findings
        if finding.fact and finding.level in _HOLDS
    ]


def learned_findings(
    facts: Iterable[LearnedFact], found: Iterable[Finding], account: str
) -> Iterator[Finding]:
    """What an earlier message or answer told of the account, as far as `found` does not tell it anew."""
    anew = {finding.fact for finding in found}
    for fact in facts:
        if fact.name not in anew:
            again = f"after a change, look again: mailrunner doctor {account} --send YOUR_ADDRESS"
            remedy = "" if fact.holds else again
            level = Level.INFO if fact.holds else Level.WARNING
            what = f"on {utc_day(fact.at)}: {fact.sentence}"
            yield Finding("learned", level, what, remedy=remedy, fact=fact.name)
