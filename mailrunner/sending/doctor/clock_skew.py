"""This machine's clock, by the Date of two web servers: tokens and signatures need it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mailrunner.sending.doctor.facts import Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level

_TOLERATED = timedelta(minutes=2)


def clock_check(facts: Facts) -> Iterator[Finding]:
    """All servers that answered agree with this machine."""
    known = {host: ahead for host, ahead in facts.ahead.items() if not isinstance(ahead, Unanswered)}
    if not known:
        yield Finding("clock", Level.UNKNOWN, "no web server could be asked for the time")
        return
    least = min(known.values(), key=abs)  # a server's own clock may be wrong
    if abs(least) <= _TOLERATED:
        yield Finding("clock", Level.OK, "this machine's clock is right", f"by {', '.join(known)}")
        return
    minutes = round(abs(least).total_seconds() / 60)
    direction = "ahead" if least > timedelta(0) else "behind"
    yield Finding(
        "clock",
        Level.FAULT,
        f"this machine's clock is {minutes} minutes {direction}",
        f"by {', '.join(known)}",
        "switch on the time synchronisation of this machine",
    )
