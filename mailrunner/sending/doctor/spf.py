"""SPF as receivers read it (RFC 7208): one record, at most ten look-ups, at most two that find nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailrunner.sending.doctor.dns_lookup import Ask, DnsState

MOST_LOOKUPS, MOST_VOID = 10, 2  # RFC 7208 §4.6.4
_RECORD = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_TERM = re.compile(
    r"([+?~-]?)(include|a|mx|ptr|exists|redirect|ip4|ip6|all)(?:[:=](\S*?))?(?:/\S*)?", re.IGNORECASE
)
_ASKS = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


@dataclass(slots=True)
class SpfFound:
    """The look-ups that a domain's record leads to.  `records` is the number at the domain itself."""

    records: int = 0
    text: str = ""
    lookups: int = 0
    void: list[str] = field(default_factory=list)
    includes: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    ends_with: str = ""  # the qualifier of "all" at the domain itself
    is_unanswered: bool = False


def examine(domain: str, ask: Ask) -> SpfFound:
    """Follow the record of a domain; stops soon after the limit of look-ups is passed."""
    found = SpfFound()
    own = _records(domain, ask, found)
    found.records, found.text = len(own), own[0] if own else ""
    if len(own) == 1:
        _follow(own[0], domain, ask, found, depth=0)
    return found


def _records(domain: str, ask: Ask, found: SpfFound) -> list[str]:
    answer = ask(domain, "TXT")
    found.is_unanswered |= answer.state is DnsState.UNANSWERED
    return [text for text in answer.values if _RECORD.match(text)]


def _follow(text: str, domain: str, ask: Ask, found: SpfFound, *, depth: int) -> None:
    for word in text.split()[1:]:
        match = _TERM.fullmatch(word)
        if match is None:
            if "=" not in word:  # an unknown modifier is ignored (§6)
                found.problems.append(f'"{word[:60]}" is no part of SPF')
            continue
        sign, kind, target = match[1] or "+", match[2].casefold(), (match[3] or domain).casefold().rstrip(".")
        if kind == "all" and depth == 0:
            found.ends_with = sign
        if kind in _ASKS and found.lookups <= MOST_LOOKUPS and not found.is_unanswered:
            _look_up(kind, target, ask, found, depth)


def _look_up(kind: str, target: str, ask: Ask, found: SpfFound, depth: int) -> None:
    found.lookups += 1
    if "%" in target or kind in ("ptr", "exists"):
        return  # depends on the message: counted, and no more can be known
    if kind in ("include", "redirect"):
        _enter(target, ask, found, depth)
        return
    answer = ask(target, "MX" if kind == "mx" else "A")
    found.is_unanswered |= answer.state is DnsState.UNANSWERED
    if answer.state is DnsState.NOTHING and (kind == "mx" or ask(target, "AAAA").state is DnsState.NOTHING):
        found.void.append(target)


def _enter(target: str, ask: Ask, found: SpfFound, depth: int) -> None:
    found.includes.add(target)
    records = _records(target, ask, found)
    if found.is_unanswered:
        return
    if len(records) != 1:
        found.problems.append(f"{target} has {len(records) or 'no'} SPF record{'s' if records else ''}")
        if not records:
            found.void.append(target)
        return
    _follow(records[0], target, ask, found, depth=depth + 1)
