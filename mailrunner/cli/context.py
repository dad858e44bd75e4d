"""The surroundings of one command: its project, its ledger, its clock and its output.

Progress and notices go to stderr, results to stdout.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from mailrunner.cli.output import encodable, wrapped
from mailrunner.cli.signals import SIGNALS
from mailrunner.clock import Clock, SystemClock
from mailrunner.errors import LedgerError
from mailrunner.model.terminal_text import printable, printable_json

if TYPE_CHECKING:
    from mailrunner.cli.run_progress import RunProgress
    from mailrunner.config.project import Project
    from mailrunner.event_log import EventLog
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.sending.hooks.delivery import Hooks
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.sending.python_api.project import ProjectHandle
    from mailrunner.store import Ledger


@dataclass
class CommandContext:
    """Handed to every command as its first argument; files are read when they are first asked for."""

    project_dir: Path | None = None
    quiet: bool = False
    log_json: Path | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - it has no state
    progress: dict[str, RunProgress] = field(default_factory=dict)  # of the campaigns that this command sends
    began: float = field(default_factory=lambda: SIGNALS.taken_at or time.monotonic())  # the process
    _answer: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def folder(self) -> Path:
        """The project's folder; raises UserError where there is none."""
        from mailrunner.config.project import find_project

        return find_project(Path.cwd(), self.project_dir)

    @cached_property
    def handle(self) -> ProjectHandle:
        """The project as programs have it; raises UserError where there is none."""
        from mailrunner.sending.python_api.project import ProjectHandle

        return ProjectHandle(self.folder, clock=self.clock)

    @property
    def project(self) -> Project:
        """mailrunner.toml, read; raises UserError with all its problems."""
        return self.handle.settings

    def prepare(
        self,
        name: str,
        *,
        strict_inlining: bool = False,
        fresh_list: bool = True,
        same: bool = False,
        list_of: PreparedCampaign | None = None,
    ) -> PreparedCampaign:
        """The campaign `name` with its files read, before the ledger is touched.

        The options are those of `CampaignHandle.prepare`.  Raises UserError with all that is wrong in them.
        """
        campaign = self.handle.campaign(name)
        return campaign.prepare(
            strict_inlining=strict_inlining, fresh_list=fresh_list, same_ledger=same, list_of=list_of
        )

    @cached_property
    def hooks(self) -> Hooks:
        """What `on_event` names; the command closes it, and says then which hooks failed."""
        return self.handle.hooks(self.say)

    @contextmanager
    def complaints(self, ledger: Ledger) -> Iterator[Callable[[], None]]:
        """What a command that stays calls for each complaint, so that `on_event` is told of their share."""
        if not self.project.on_event:
            yield lambda: None
            return
        from mailrunner.sending.hooks.complaint_watch import ComplaintWatch

        with ComplaintWatch(ledger, partial(self.handle.hooks, self.say), self.say) as watch:
            yield watch.complained

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
        sys.stdout.write(encodable(wrapped(printable(text), sys.stdout), sys.stdout) + "\n")
        sys.stdout.flush()

    @cached_property
    def screen(self) -> Console:
        """stdout as a terminal, with colours unless NO_COLOR is set."""
        return Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def show(self, lines: Iterable[str | Text]) -> None:
        """Print lines as results, on a terminal in their colours."""
        for line in lines:
            if sys.stdout.isatty():
                self.screen.print(self.drawn(line))
            else:
                self.result(str(line))

    def drawn(self, line: str | Text) -> Text:
        """A line for the screen; a `Text` holds no words but ours, and is shorter than the screen is wide."""
        if isinstance(line, Text):
            return line
        return Text(encodable(wrapped(printable(line), sys.stdout), sys.stdout))

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

    def open_ledger(self, *, new: bool = False, same: bool = False, patient: bool | None = None) -> Ledger:
        """The project's ledger for reading and writing; made if the project never had one.

        One that is away is waited for: for a minute, or, where `patient`, as long as it takes; not at all
        where that is None.
        """
        return self._opened(partial(self.handle.open_ledger, new=new, same=same), patient)

    def existing_ledger(self, *, same: bool = False, patient: bool | None = None) -> Ledger:
        """The project's ledger if there is one, else an empty one: for commands that only look or stop."""
        return self._opened(partial(self.handle.existing_ledger, same=same), patient)

    def _opened(self, opened: Callable[[], Ledger], patient: bool | None) -> Ledger:
        if patient is None:
            return opened()
        from mailrunner.sending.recorder import RepeatedVisits

        visits = RepeatedVisits(
            self.clock, patient=patient, say=lambda fault: self.say_ledger_away(fault, patient=patient)
        )
        return visits.repeat(partial(_without_waiting_for_the_user, opened))

    def say_ledger_away(self, fault: str, *, patient: bool) -> None:
        """Say that a visit to the ledger is repeated, and, with no fault, that it is back."""
        if not fault:
            self.say("the ledger is back")
            return
        how_long = "until it is back" if patient else "for a minute"
        self.say(f"{fault}: trying again {how_long}; nothing is lost")

    def event_log(self) -> EventLog:
        """The log of --log-json; it drops its events where the option is not given."""
        from mailrunner.event_log import EventLog

        return EventLog(self.log_json, clock=self.clock, secrets=self.project.secrets())


def _without_waiting_for_the_user(opened: Callable[[], Ledger]) -> Ledger:
    """The ledger; a fault that only a user can remedy is one that does not pass: nothing has begun yet."""
    try:
        return opened()
    except LedgerError as error:
        if error.needs_user:
            raise LedgerError(error.message, error.hint) from error
        raise
