"""The DKIM keys of an account's own relay, compared with what DNS has of them."""

from __future__ import annotations

from mailrunner.config.dkim_table import DkimSettings
from mailrunner.errors import UserError
from mailrunner.sending.doctor.dns_lookup import Ask, DnsAnswer, DnsState
from mailrunner.sending.doctor.finding import Finding, Level

_REMEDY = "add the record that this prints: mailrunner dkim show"


def own_key_findings(settings: DkimSettings, ask: Ask) -> list[Finding]:
    """A finding for each key of the table."""
    from mailrunner.rendering.dkim import load_key

    found = []
    for selector, file in settings.keys:
        try:
            key = load_key(settings.domain, selector, file)
        except UserError as error:
            found.append(Finding("dkim", Level.FAULT, str(error)))
            continue
        name = f"{selector}._domainkey.{settings.domain}"
        found.append(key_finding(name, key.record(), ask(name, "TXT")))
    return found


def key_finding(name: str, record: str, answer: DnsAnswer) -> Finding:
    """Whether DNS has the public part of a key, `record` being what it should have."""
    if answer.state is DnsState.UNANSWERED:
        return Finding("dkim", Level.UNKNOWN, f"{name}: no name server answered")
    if not answer.values:
        return Finding("dkim", Level.FAULT, f"{name}: there is no record", remedy=_REMEDY)
    if len(answer.values) > 1:
        return Finding("dkim", Level.FAULT, f"{name}: there is more than one record", remedy="leave one")
    if _tag(answer.values[0], "p") != _tag(record, "p"):
        return Finding("dkim", Level.FAULT, f"{name}: the record holds another key", remedy=_REMEDY)
    return Finding("dkim", Level.OK, f"{name}: the record holds our key")


def _tag(record: str, name: str) -> str:
    """The value of a tag without blanks (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return next(("".join(value.split()) for tag, _, value in pairs if tag.strip() == name), "")
