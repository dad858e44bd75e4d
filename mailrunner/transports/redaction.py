"""A server's words without the password, in whatever form a server or a library repeats it.

Servers quote a command that they do not know, and that may have been a login.  The password stands there as
it is, quoted (RFC 9051 §4.3), escaped by Python, encoded for a URL, or in base64, alone or in what AUTH
PLAIN (RFC 4616) says; of that a part is enough.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote, quote_plus

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")


def without_password(text: str, *, user: str, password: str, mark: str) -> str:
    """The text with `mark` in place of the password; unchanged where there is none."""
    if not password:
        return text
    plain = {password, password.replace("\\", "\\\\").replace('"', '\\"')}
    escaped = {repr(form.encode())[2:-1] for form in plain} | {ascii(form)[1:-1] for form in plain}
    misread = {form.encode().decode("latin-1") for form in plain}
    forms = {*plain, *escaped, *misread, quote(password, safe=""), quote_plus(password)}
    either = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    text = re.sub(either, lambda _: mark, text, flags=re.IGNORECASE)
    return _BASE64.sub(lambda run: mark if _tells(run[0], user, password) else run[0], text)


def _tells(run: str, user: str, password: str) -> bool:
    """True where a run of base64 holds the password, or is a part of the login."""
    digits = run.rstrip("=").replace("-", "+").replace("_", "/")
    logins = (base64.b64encode(form.encode()).decode() for form in (f"\0{user}\0{password}", password))
    if len(digits) >= 8 and any(digits in login for login in logins):
        return True
    try:
        decoded = base64.b64decode(digits[: len(digits) - (len(digits) % 4 == 1)] + "==")
    except binascii.Error:
        return False
    return password.encode() in decoded
