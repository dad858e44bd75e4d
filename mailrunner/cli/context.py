"""The surroundings of one command: its project, its ledger, its clock and its output.

Progress and notices go to stderr, results to stdout.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mailrunner.cli.output import wrapped
from mailrunner.cli.signals import SIGNALS
from mailrunner.clock import Clock, SystemClock
from mailrunner.model.terminal_text import printable, printable_json

if TYPE_CHECKING:
    from mailrunner.cli.run_progress import RunProgress
    from mailrunner.config.project import Project
    from mailrunner.event_log import EventLog
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.sending.handles.project import ProjectHandle
    from mailrunner.sending.hooks.delivery import Hooks
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.store import Ledger


@dataclass
class CommandContext:
    """Handed to every command as its first argument; files are read when they are first asked for."""

    project_dir: Path | None = None
    quiet: bool = False
    log_json: Path | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - it has no state
    progress: dict[str, RunProgress] = field(default_factory=dict)  # of the campaigns that this command sends
    _answer: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def folder(self) -> Path:
        """The project's folder; raises UserError where there is none."""
        from mailrunner.config.project import find_project

        return find_project(Path.cwd(), self.project_dir)

    @cached_property
    def handle(self) -> ProjectHandle:
        """The project as programs have it; raises UserError where there is none."""
        from mailrunner.sending.handles.project import ProjectHandle

        return ProjectHandle(self.folder, clock=self.clock)

    @property
    def project(self) -> Project:
        """mailrunner.toml, read; raises UserError with all its problems."""
        return self.handle.settings

    def prepare(
        self, name: str, *, strict_inlining: bool = False, fresh_list: bool = True, same: bool = False
    ) -> PreparedCampaign:
        """The campaign `name` with its files read, before the ledger is touched.

        The options are those of `CampaignHandle.prepare`.  Raises UserError with all that is wrong in them.
        """
        campaign = self.handle.campaign(name)
        return campaign.prepare(strict_inlining=strict_inlining, fresh_list=fresh_list, same_ledger=same)

    @cached_property
    def hooks(self) -> Hooks:
        """What `on_event` names; the command closes it, and says then which hooks failed."""
        return self.handle.hooks(self.say)

    def signer(self, ledger: Ledger) -> TokenSigner:
        """Makes and reads tokens with the ledger's secrets and the one of mailrunner.toml."""
        return self.handle.signer(ledger)

    @cached_property
    def console(self) -> Console:
        """stderr; plain where it is no terminal, without colour under NO_COLOR."""
        return Console(stderr=True, quiet=self.quiet, highlight=False, soft_wrap=True)

    @property
    def is_interactive(self) -> bool:
        """True where a user can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, sentence: str) -> None:
        """Print a notice on stderr, unless --quiet; never a result that a program reads."""
        self.console.print(wrapped(printable(sentence), sys.stderr), markup=False)

    def result(self, text: str) -> None:
        """Print a result on stdout."""
        sys.stdout.write(wrapped(printable(text), sys.stdout) + "\n")
        sys.stdout.flush()

    def json(self, value: Any) -> None:
        """Print the JSON object of a command, unless one was begun."""
        import json

        SIGNALS.answering()
        if self.claim_answer():
            sys.stdout.write(printable_json(json.dumps(value, ensure_ascii=False, indent=2)) + "\n")
            sys.stdout.flush()

    def claim_answer(self) -> bool:
        """True for the first who asks, who then prints the command's one JSON object."""
        return self._answer.acquire(blocking=False)

    def open_ledger(self, *, new: bool = False, same: bool = False) -> Ledger:
        """The project's ledger for reading and writing; made if the project never had one."""
        return self.handle.open_ledger(new=new, same=same)

    def existing_ledger(self, *, same: bool = False) -> Ledger:
        """The project's ledger if there is one, else an empty one: for commands that only look or stop."""
        return self.handle.existing_ledger(same=same)

    def event_log(self) -> EventLog:
        """The log of --log-json; it drops its events where the option is not given."""
        from mailrunner.event_log import EventLog

        return EventLog(self.log_json, clock=self.clock, secrets=self.project.secrets())
