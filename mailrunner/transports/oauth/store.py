"""The store of tokens: one private file for each login, replaced as a whole, written under a lock.

The folder is the user's, not the project's: it is in no copy of the project, and projects share logins.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.transports.oauth.errors import TokenUnavailableError
from mailrunner.transports.oauth.token import Login, as_json, from_json

_LOCK_TIMEOUT = 90.0  # seconds; one refresh takes at most half of it
_LARGEST = 1 << 20  # octets
_MODE, _FOLDER_MODE = 0o600, 0o700


def default_folder() -> Path:
    """The folder of this user's tokens."""
    from platformdirs import user_state_path

    return user_state_path("mailrunner", appauthor=False) / "tokens"


@dataclass(frozen=True, slots=True)
class TokenStore:
    """One login's file in `folder`, called after its `identity` (see `grant.identity`)."""

    folder: Path
    identity: str

    @property
    def file(self) -> Path:
        return self.folder / f"{self.identity}.json"

    def read(self) -> Login | None:
        """The login; None where there is none.  Raises UserError for a file that is no login's."""
        try:
            with self.file.open(encoding="utf-8") as stream:
                return from_json(stream.read(_LARGEST))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no file of mailrunner's"
            hint = "give it back to yourself, or delete it and log in again: mailrunner login ACCOUNT"
            raise UserError(
                Problem(f"the tokens in {self.file} cannot be read: {reason}", hint=hint)
            ) from None

    def write(self, login: Login) -> None:
        """Replace the file, or leave it as it was; UserError where the disk does not take it."""
        try:
            self._prepare()
            self._replace(as_json(login).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def forget(self) -> bool:
        """Delete the file; False where there was none."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unwritable(error) from error
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process and thread from changing this login meanwhile.

        Raises TokenUnavailableError where another one holds it for long.
        """
        from filelock import FileLock, Timeout

        try:
            self._prepare()
            lock = FileLock(self.folder / f"{self.identity}.lock", timeout=_LOCK_TIMEOUT, mode=_MODE)
            with lock:
                yield
        except Timeout:
            reason = "another process has been asking for a token for a long time"
            raise TokenUnavailableError(reason) from None
        except PermissionError as error:
            raise self._unwritable(error) from error

    def _prepare(self) -> None:
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        with suppress(OSError):  # another user's: what is written there is private all the same
            self.folder.chmod(_FOLDER_MODE)

    def _replace(self, octets: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{self.identity}.")  # 0600 from the start
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(octets)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(self.file)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            Problem(
                f"tokens cannot be kept in {self.folder}: {error.strerror or error}",
                hint="make that folder writable, or name another state folder in XDG_STATE_HOME",
            )
        )
