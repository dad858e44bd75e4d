"""One-click unsubscribe (RFC 8058 §3.1), tried where it can change nothing but on this machine."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

from mailrunner.web.catcher.view import MessageParts

_LINK = re.compile(r"<(http://[^>\s]+)>", re.IGNORECASE)
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
_BODY = b"List-Unsubscribe=One-Click"
_SECONDS, _LONGEST = 5, 300


def loopback_link(parts: MessageParts) -> str:
    """The http link of List-Unsubscribe that leads to this machine; "" for none."""
    if parts.header("List-Unsubscribe-Post").strip().lower() != _BODY.decode().lower():
        return ""
    for link in _LINK.findall(parts.header("List-Unsubscribe")):
        try:
            found = urlsplit(link)
            if found.hostname in _LOOPBACK and not found.username and found.port != 0:
                return str(link)
        except ValueError:  # a port that is no number
            continue
    return ""


def try_one_click(link: str) -> str:
    """Post to a link of `loopback_link` as a mail program does; the answer in words.

    No redirect is followed.
    """
    found = urlsplit(link)
    connection = http.client.HTTPConnection(
        _LOOPBACK[found.hostname or ""], found.port or 80, timeout=_SECONDS
    )
    path = (found.path or "/") + (f"?{found.query}" if found.query else "")
    headers = {"Host": found.netloc, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", path, _BODY, headers)
        answer = connection.getresponse()
        return f"{answer.status} {answer.reason}: {answer.read(_LONGEST).decode('utf-8', 'replace').strip()}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
