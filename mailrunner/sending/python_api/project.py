"""`mailrunner.Project`: a project's settings, ledger, accounts and suppression list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailrunner.errors import one_base_class
from mailrunner.sending.python_api.folder import ProjectFolder

if TYPE_CHECKING:
    from mailrunner.model.suppression import SuppressionChange, SuppressionEntry
    from mailrunner.sending.python_api.campaign import CampaignHandle
    from mailrunner.sending.python_api.status import AccountStatus, ProjectStatus
    from mailrunner.sending.python_api.suppressing import Suppressed, SuppressionImport, Unsuppressed
    from mailrunner.store.erasure import Erased


class ProjectHandle(ProjectFolder):
    """One project: the folder with `mailrunner.toml`.

    `folder` is that folder or one below it.  The files are read, and the ledger opened, by the methods that
    need them; nothing stays open between two calls.  Every method may raise `UserError` (a file or the set-up
    is wrong; all problems at once) and `LedgerError` (the ledger or the disk failed; nothing is lost), both
    of them `MailrunnerError`, with the sentences that the command line prints.
    """

    def __repr__(self) -> str:
        return f"Project({str(self.folder)!r})"

    def campaign(self, name: str, *, recipients: Iterable[Mapping[str, Any]] | None = None) -> CampaignHandle:
        """The campaign of this id, or of the file at this path.

        `recipients` is a list in place of the file's: any iterable of mappings, or a DataFrame, a row for
        each recipient.  It is read once; see `given.GivenRows`.
        """
        from mailrunner.sending.python_api.campaign import CampaignHandle
        from mailrunner.sending.python_api.given_rows import GivenRows

        return CampaignHandle(self, name, None if recipients is None else GivenRows(recipients))

    def status(self, campaign: str | None = None) -> ProjectStatus:
        """Every campaign that was begun, or one alone, and what is left of each account's limits."""
        from mailrunner.sending.python_api.ledger_states import (
            account_states,
            campaign_states,
            machine_objects,
        )
        from mailrunner.sending.python_api.status import ProjectStatus

        with one_base_class(), self.existing_ledger() as ledger:
            return ProjectStatus(
                campaigns=campaign_states(self.settings, ledger, campaign),
                accounts=account_states(self.settings, ledger),
                machines=tuple(machine_objects(ledger)),
                notice=ledger.clock_warning or "",
            )

    def accounts(self) -> tuple[AccountStatus, ...]:
        """What is left of each account's limits."""
        from mailrunner.sending.python_api.ledger_states import account_states

        with one_base_class(), self.existing_ledger() as ledger:
            return account_states(self.settings, ledger)

    def suppress(
        self, *addresses: str, list_name: str | None = None, reason: str = "manual"
    ) -> tuple[Suppressed, ...]:
        """Send nothing to these addresses any more (`@example.org`: to a whole domain).

        The entries hold for one mailing list, or, for None, for all.  `reason` is "manual", "unsubscribe",
        "bounce", "complaint" or "import".  All are entered, or none.
        """
        from mailrunner.sending.python_api.suppressing import add

        with one_base_class(), self.open_ledger() as ledger:
            return add(self.settings, ledger, addresses, list_name, reason)

    def unsuppress(
        self, *addresses: str, consent: str, list_name: str | None = None
    ) -> tuple[Unsuppressed, ...]:
        """Remove the entries for one list, or, for None, those for all lists.

        `consent` is how the recipients agreed to get messages again; it is kept as evidence.
        """
        from mailrunner.sending.python_api.suppressing import remove

        with one_base_class(), self.existing_ledger() as ledger:
            return remove(ledger, addresses, list_name, consent)

    def suppressions(self, address: str | None = None) -> Iterator[SuppressionEntry]:
        """The entries that hold for an address or `@domain`; all of them for None."""
        from mailrunner.sending.python_api.eager_iterator import begun

        return begun(self._entries(address))

    def suppression_history(self, address: str) -> tuple[SuppressionChange, ...]:
        """Every change to the entries of an address or `@domain`, oldest first."""
        from mailrunner.sending.python_api.suppression_targets import keys_of

        with one_base_class(), self.existing_ledger() as ledger:
            (key,) = keys_of(ledger, [address])
            return tuple(ledger.suppressions.history(key))

    def import_suppressions(
        self, file: str | Path, *, list_name: str | None = None, reason: str | None = None
    ) -> SuppressionImport:
        """Suppress the addresses of a file, as `mailrunner suppress import` does, without its question.

        `reason` is None for the one in the file, else "import".  `undo_import` takes it back.
        """
        from mailrunner.sending.python_api.suppressing import import_addresses

        with one_base_class(), self.open_ledger() as ledger:
            return import_addresses(ledger, Path(file), list_name, reason)

    def undo_import(self, number: int) -> int:
        """Remove the entries that an import added; return their number."""
        from mailrunner.sending.python_api.suppressing import undo_import

        with one_base_class(), self.existing_ledger() as ledger:
            return undo_import(ledger, number)

    def forget(self, *addresses: str) -> tuple[Erased, ...]:
        """Erase addresses from the ledger (GDPR) and keep them suppressed; it cannot be undone."""
        from mailrunner.sending.python_api.suppressing import recipient_keys

        with one_base_class(), self.open_ledger() as ledger:
            return tuple(ledger.suppressions.erase(recipient_keys(ledger, addresses)))

    def _entries(self, address: str | None) -> Iterator[SuppressionEntry]:
        from mailrunner.sending.python_api.suppressing import entries

        with one_base_class(), self.existing_ledger() as ledger:
            yield from entries(ledger, address)
