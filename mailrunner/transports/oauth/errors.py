"""The two ways in which a token is not to be had, and the outcome of a connection that lacks one."""

from __future__ import annotations

from mailrunner.errors import MailrunnerError, UserError
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope


class GrantRefusedError(MailrunnerError):
    """The authorization server refuses the grant: only a user or an administrator can change that.

    `code` is its error code, e.g. "invalid_grant" (RFC 6749 §5.2); "" where there is none.
    """

    def __init__(self, sentence: str, code: str = "") -> None:
        self.code = code
        super().__init__(sentence)


class TokenUnavailableError(MailrunnerError):
    """No token can be got just now: the server is away, busy, or gives no answer that can be read."""


def outcome_without_token(error: GrantRefusedError | TokenUnavailableError | UserError) -> Outcome:
    """The outcome of opening a connection for which no token was got: nothing was offered to the server.

    A UserError says that the account was logged out meanwhile: the run cannot go on without its user.
    """
    match error:
        case GrantRefusedError():
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, str(error), offered=False)
        case TokenUnavailableError():
            return Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, f"no token: {error}", offered=False)
        case UserError():
            return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, str(error), at_once=True, offered=False)
