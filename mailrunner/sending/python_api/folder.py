"""A project's folder: its settings and its ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.clock import Clock, SystemClock
from mailrunner.config.project import find_project, load_project

if TYPE_CHECKING:
    from mailrunner.config.project import Project
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.sending.hooks.delivery import Hooks
    from mailrunner.store import Ledger, LedgerConsent


class ProjectFolder:
    """The folder with `mailrunner.toml`, which is `folder` or one above it; UserError where there is none."""

    def __init__(self, folder: str | Path = ".", *, clock: Clock | None = None) -> None:
        self.folder = find_project(Path(folder).absolute(), None)
        self.clock: Clock = clock or SystemClock()

    @cached_property
    def settings(self) -> Project:
        """`mailrunner.toml` as it was read first; raises UserError with all its problems."""
        return load_project(self.folder, os.environ)

    def open_ledger(self, *, new: bool = False, same: bool = False) -> Ledger:
        """The project's ledger for reading and writing; made if the project never had one."""
        from mailrunner.store import Ledger

        opened = Ledger.open(
            folder=self.folder,
            url=self.settings.database_url,
            clock=self.clock,
            new=new,
            consent=self._consent(same),
        )
        return self._with_accounts(opened)

    def existing_ledger(self, *, same: bool = False) -> Ledger:
        """The project's ledger if there is one, else an empty one: for what only looks or stops.

        It has nothing to do where no command ever recorded anything, and makes no ledger.
        """
        from mailrunner.store import Ledger

        opened = Ledger.open_existing(
            folder=self.folder,
            url=self.settings.database_url,
            clock=self.clock,
            consent=self._consent(same),
        )
        return self._with_accounts(opened)

    def signer(self, ledger: Ledger) -> TokenSigner:
        """Makes and reads tokens with the ledger's secrets and the one of mailrunner.toml."""
        from mailrunner.sending.link_signer import token_signer

        return token_signer(self.settings, ledger)

    def hooks(self, say: Callable[[str], None] = lambda _: None) -> Hooks:
        """What `on_event` names; `say` gets a sentence for each hook that fails, when they are closed."""
        from mailrunner.sending.hooks.channels import channel_of, name_of
        from mailrunner.sending.hooks.delivery import Hooks
        from mailrunner.sending.hooks.events import ToldEvents
        from mailrunner.sending.hooks.mail import mail_channel

        mail = mail_channel(self.folder, self.existing_ledger)
        targets = self.settings.on_event
        channels = {name_of(target): channel_of(target, self.folder, mail) for target in targets}
        return Hooks(channels, told=ToldEvents(self.folder), clock=self.clock, say=say)

    def _consent(self, same: bool) -> LedgerConsent:
        """What was said of a ledger that was put back, by `--same-ledger` and in `[ledger]`."""
        from mailrunner.store import LedgerConsent

        return LedgerConsent(same=same, synchronous=self.settings.failover == "synchronous")

    def _with_accounts(self, ledger: Ledger) -> Ledger:
        """The ledger, in which the project's accounts stand by the identities that they have now."""
        try:
            ledger.take_over_accounts(each.former_and_present for each in self.settings.accounts.values())
        except BaseException:
            ledger.close()
            raise
        return ledger
