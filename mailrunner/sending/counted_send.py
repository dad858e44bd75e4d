"""One message beside a campaign: sent through its account, with a slot of that one's quota."""

from __future__ import annotations

from mailrunner.clock import utc_minute
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.wait_reason import Wait
from mailrunner.rendering import Message
from mailrunner.sending.account_transports import transports_for
from mailrunner.sending.link_signer import token_signer
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import Ledger, Run


class CountedSend:
    """Sends messages that are no delivery of a campaign, such as tests; each counts against the limits."""

    def __init__(self, prepared: PreparedCampaign, ledger: Ledger) -> None:
        self._prepared, self._ledger = prepared, ledger
        self._setup = prepared.setup_digest(token_signer(prepared.project, ledger).secrets[-1])

    def send(self, message: Message) -> Outcome:
        """Send one message, taking a slot; without one, or after refused credentials, nothing is tried."""
        run = Run.begin(self._ledger.database)
        try:
            return self._counted(message, run)
        finally:
            run.end()

    def _counted(self, message: Message, run: Run) -> Outcome:
        account = self._prepared.account
        known, token = self._ledger.accounts.ensure(account.identity), run.next_token()
        if self._setup in known.refused:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, known.refused[self._setup], offered=False)
        number = known.no
        wait = self._ledger.accounts.begin_test(
            number, token=token, limits=account.limits, reserve=account.reserve, zone=account.timezone
        )
        if wait is not None:
            return Outcome(OutcomeKind.DEFERRED, Scope.ACCOUNT, _no_slot(wait), offered=False)
        transport = transports_for(self._prepared.account, self._ledger.clock)()
        try:
            outcome = transport.open() or transport.send(message)
        finally:
            transport.close()
        # Were it not for this line, the end of the run would count the slot as used.
        self._ledger.accounts.end_test(number, token=token, answered=outcome.offered)
        if outcome.scope is Scope.CREDENTIALS:
            self._ledger.accounts.stop(number, reason=outcome.reason, digest=self._setup)
        return outcome


def _no_slot(wait: Wait) -> str:
    until = f" until {utc_minute(wait.until)}" if wait.until else ""
    return f"the account has no slot left{until}: {wait.detail or wait.reason}"
