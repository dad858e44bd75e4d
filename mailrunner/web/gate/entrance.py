"""Ways into the dashboard: links that work once, sessions, a password.

Links and sessions are files in `.mailrunner/dashboard/`, which their owner alone can read: named after the
SHA-256 of a random value of 256 bits, so that the folder holds nothing to enter with.  A link is used by
removing its file, which one process alone can do; another process of the project can make links.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from mailrunner.clock import Clock
from mailrunner.store.private_file import make_folder, write
from mailrunner.web.rate_limit import RateLimit

LINK_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(hours=12)  # after its last use
_RENEWED_AFTER = timedelta(minutes=10)  # a use sooner than that after the last writes nothing
_LINK, _SESSION = "link", "session"
_COST = {"n": 2**14, "r": 8, "p": 1}  # of scrypt (RFC 7914 §2): some 50 ms and 16 MB a try


class Entrance:
    """The links, sessions and the password of one dashboard; `folder` is the project's `.mailrunner`.

    `password` is None where there is none to enter with.
    """

    def __init__(self, folder: Path, *, clock: Clock, password: str | None = None) -> None:
        self._folder, self._clock = folder / "dashboard", clock
        self._salt = os.urandom(16)
        self._password = None if password is None else self._hashed(password)
        self._misses = RateLimit(rate=1 / 6, burst=10)  # wrong passwords and links, of each client
        self._known = b""  # of a password that was right, so that a monitor does not cost 50 ms a minute

    @property
    def has_password(self) -> bool:
        """True where the dashboard can be entered with a password."""
        return self._password is not None

    def new_link(self) -> str:
        """A token that opens one session, within ten minutes."""
        return self._new(_LINK, LINK_LASTS)

    def redeem(self, token: str) -> str | None:
        """A new session for a token, which then is used up; None for one that is not valid any more.

        256 random bits need no limit on guesses.
        """
        file = self._file(_LINK, token)
        lasts = self._lasts(file)
        try:
            file.unlink()
        except OSError:
            return None
        return self.new_session() if lasts > timedelta(0) else None

    def new_session(self) -> str:
        """The value of the cookie of a new session."""
        self._clear()
        return self._new(_SESSION, SESSION_LASTS)

    def admits(self, session: str) -> bool:
        """True for a session that lasts; it lasts twelve hours from now then."""
        file = self._file(_SESSION, session)
        lasts = self._lasts(file)
        if lasts <= timedelta(0):
            return False
        if lasts < SESSION_LASTS - _RENEWED_AFTER:
            self._write(file, SESSION_LASTS)
        return True

    def leave(self, session: str) -> None:
        """End a session."""
        self._file(_SESSION, session).unlink(missing_ok=True)

    def is_password(self, given: str, client: str) -> bool:
        """True for the password of mailrunner.toml; `client` may be wrong ten times a minute.

        What it gives beyond that is not even looked at: scrypt would keep the others waiting.
        """
        if self._password is None:
            return False
        quick = hmac.digest(self._salt, given.encode(), "sha256")
        if self._known and hmac.compare_digest(quick, self._known):
            return True
        if not self._misses.admits(client, time.monotonic()):
            return False
        if not hmac.compare_digest(self._hashed(given), self._password):
            return False
        self._known = quick
        return True

    def _hashed(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, **_COST)

    def _new(self, kind: str, lasts: timedelta) -> str:
        value = secrets.token_urlsafe(32)
        make_folder(self._folder)
        self._write(self._file(kind, value), lasts)
        return value

    def _write(self, file: Path, lasts: timedelta) -> None:
        write(file, str((self._clock.now() + lasts).timestamp()).encode())

    def _lasts(self, file: Path) -> timedelta:
        """How long a link or session still lasts; zero for none."""
        try:
            until = float(file.read_bytes())
        except (OSError, ValueError):
            return timedelta(0)
        return max(timedelta(0), timedelta(seconds=until - self._clock.now().timestamp()))

    def _file(self, kind: str, value: str) -> Path:
        return self._folder / f"{kind}-{hashlib.sha256(value.encode()).hexdigest()}"

    def _clear(self) -> None:
        """Remove links and sessions that are over."""
        for file in self._folder.glob("*-*"):
            if file.name.startswith((_LINK, _SESSION)) and self._lasts(file) <= timedelta(0):
                with suppress(OSError):
                    file.unlink()
