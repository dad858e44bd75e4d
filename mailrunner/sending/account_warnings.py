"""Warnings of an account at an HTTP API, and of accounts that may be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailrunner.clock import utc_day
from mailrunner.config.account import Account
from mailrunner.model.learned_fact import LearnedFact
from mailrunner.sending.prepared_campaign import PreparedCampaign

_DROPS_HEADERS = ("microsoft365", "outlook")


def provider_warnings(prepared: PreparedCampaign) -> Iterator[str]:
    """What is to be known of the provider, by SMTP or API, and of other accounts there."""
    preset = prepared.account.preset
    if prepared.account.api is not None:
        yield from api_warnings(prepared)
    elif preset.note and not (preset.name == "smtp" and prepared.account.limits):
        yield f"{preset.title}: {preset.note}"
    yield from identity_warnings(prepared)


def api_warnings(prepared: PreparedCampaign) -> Iterator[str]:
    """What the provider's API does not carry or does otherwise than SMTP, for all rows alike."""
    account = prepared.account
    if account.api is None:
        return
    title, known = account.preset.title, account.api.preset
    if known.note and (not prepared.transactional or known.name not in _DROPS_HEADERS):
        yield f"{title}: {known.note}"
    guessed = [limit for limit in account.limits if limit in account.preset.limits and limit.number]
    if guessed and known.name not in ("ses", *_DROPS_HEADERS, "gmail", "google-workspace"):
        listed = ", ".join(map(str, guessed))
        yield f"the limit of {listed} is {title}'s smallest plan: set limits to those of yours"
    if account.return_path:
        yield f"return_path means nothing to {title}'s API: bounces come by its events, so set [events] up"
    if not known.mime and account.api.preset.name == "brevo" and not prepared.renderer.parts >= {"html"}:
        yield f"{title}'s API takes no message without HTML"


def learned_warnings(facts: Iterable[LearnedFact], name: str) -> Iterator[str]:
    """What `doctor --send` learned of the account that is not as it should be."""
    for fact in facts:
        if not fact.holds:
            yield f"{fact.sentence} (seen on {utc_day(fact.at)} by: mailrunner doctor {name} --send)"


def identity_warnings(prepared: PreparedCampaign) -> Iterator[str]:
    """Accounts of one provider count apart unless the same `identity` says that they are one."""
    account = prepared.account
    for other in prepared.project.accounts.values():
        if other.name == account.name or not _may_be_one(account, other):
            continue
        yield (
            f'the accounts "{account.name}" and "{other.name}" are both at {account.preset.title} and have '
            "limits of their own here; if they are one account there, give both the same identity"
        )


def _may_be_one(account: Account, other: Account) -> bool:
    one, two = account.identity, other.identity
    is_service = account.preset.family == "" or account.api is not None or other.api is not None
    named = account.identity_name or other.identity_name
    same = account.preset.name == other.preset.name and account.preset.name != "smtp"
    by_key = bool(account.preset.user) or is_service
    return same and by_key and one != two and not named
