"""Logging in: one mechanism, one try a connection, as every wrong one counts towards a lock-out."""

from __future__ import annotations

import base64
import smtplib
from collections.abc import Sequence

_OAUTH = {"XOAUTH2", "OAUTHBEARER"}


def choose(offered: Sequence[str]) -> str | None:
    """Return the mechanism to use: PLAIN (RFC 4616), else LOGIN, else None."""
    return next((mechanism for mechanism in ("PLAIN", "LOGIN") if mechanism in offered), None)


def why_none(offered: Sequence[str], host: str) -> str:
    """Say why none of the `offered` mechanisms will do."""
    if _OAUTH & set(offered):
        return f"{host} needs OAuth to log in, which mailrunner cannot do yet: use an account with a password"
    return f"{host} offers only {', '.join(offered)} to log in; mailrunner knows PLAIN and LOGIN"


def log_in(session: smtplib.SMTP, mechanism: str, user: str, password: str) -> tuple[int, bytes]:
    """Run AUTH (RFC 4954) and return the last reply's code and text; 235 is success."""
    if mechanism == "PLAIN":
        return session.docmd("AUTH", "PLAIN " + spoken(user, password)[0])
    code, text = session.docmd("AUTH", "LOGIN")
    for answer in (user, password):
        if code != 334:
            break
        code, text = session.docmd(_base64(answer))
    return code, text


def spoken(user: str, password: str) -> tuple[str, ...]:
    """The password in every form in which `log_in` says it."""
    return _base64(f"\0{user}\0{password}"), _base64(password), password


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
