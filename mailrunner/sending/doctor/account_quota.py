"""The account's limits: as its provider tells them, where it does, and as mailrunner keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.model.number_and_noun import counted
from mailrunner.model.told_quota import QUOTA_FACT
from mailrunner.sending.doctor.facts import Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level

_CHECK = "quota"


def quota_check(facts: Facts) -> Iterator[Finding]:
    """What is told, and that there is a limit at all."""
    own = ", ".join(map(str, facts.account.limits))
    if isinstance(facts.quota, Unanswered):
        what = "the provider does not tell this account's limits now"
        yield Finding(
            _CHECK, Level.UNKNOWN, what, facts.quota.reason, "mailrunner keeps to its own until then"
        )
    elif facts.quota is not None:
        sent = facts.quota.sent
        evidence = "" if sent is None else f"{counted(sent, 'recipient')} in the last 24 hours"
        spent = any(each.left == 0 and not each.is_charged for each in facts.quota.remaining)
        level = Level.WARNING if spent else Level.OK
        yield Finding(_CHECK, level, facts.quota.sentence, evidence, fact=QUOTA_FACT)
    if own:
        yield Finding(_CHECK, Level.OK, f"mailrunner sends at most {own}")
    elif facts.quota is None:
        yield Finding(
            _CHECK,
            Level.WARNING,
            "no limit is known for this account: a passed cap can block it",
            remedy=f'ask the provider, and set limits in [accounts.{facts.account.name}], e.g. ["500/24h"]',
        )
