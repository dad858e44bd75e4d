"""The two ways in which a token is not to be had."""

from __future__ import annotations

from mailrunner.errors import MailrunnerError


class GrantRefusedError(MailrunnerError):
    """The authorization server refuses the grant: only a user or an administrator can change that.

    `code` is its error code, e.g. "invalid_grant" (RFC 6749 §5.2); "" where there is none.
    """

    def __init__(self, sentence: str, code: str = "") -> None:
        self.code = code
        super().__init__(sentence)


class TokenUnavailableError(MailrunnerError):
    """No token can be got just now: the server is away, busy, or gives no answer that can be read."""
