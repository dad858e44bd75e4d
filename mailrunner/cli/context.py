"""What every command shares: the options everywhere, the project, the ledger, where words go.

Progress and logs go to stderr, results to stdout.  This is the only place that turns errors into
sentences and exit codes.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from mailrunner.cli.exit_codes import Exit
from mailrunner.clock import Clock, SystemClock
from mailrunner.errors import LedgerError, Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.project import Project
    from mailrunner.event_log import EventLog
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.store import Ledger

ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", help="The folder of mailrunner.toml; otherwise here or above.", metavar="DIR"),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say only what went wrong.")]
LogOption = Annotated[
    Path | None, typer.Option("--log-json", help="Append every event as a line of JSON.", metavar="FILE")
]


# What lists and servers say must not steer a terminal.
_TAMED = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


@dataclass
class CommandContext:
    """One command's surroundings, handed to it as its first argument."""

    project_dir: Path | None = None
    quiet: bool = False
    log_json: Path | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - it has no state

    @cached_property
    def folder(self) -> Path:
        """The project's folder; raises UserError where there is none."""
        from mailrunner.config.project import find_project

        return find_project(Path.cwd(), self.project_dir)

    @cached_property
    def project(self) -> Project:
        """mailrunner.toml, read; raises UserError with all its problems."""
        from mailrunner.config.project import load_project

        return load_project(self.folder, os.environ)

    def job(self, name: str, *, strict_inlining: bool = False) -> PreparedCampaign:
        """A campaign's files, all that is wrong in them told at once, before the ledger is touched."""
        from mailrunner.campaign.campaign_file import load_campaign
        from mailrunner.sending.prepared_campaign import PreparedCampaign

        self.project, campaign, account = load_campaign(self.folder, name, os.environ)
        return PreparedCampaign.prepare(self.project, campaign, account, strict_inlining=strict_inlining)

    @cached_property
    def words(self) -> Console:
        """Where people read: stderr, plain where it is no terminal, without colour under NO_COLOR."""
        return Console(stderr=True, quiet=self.quiet, highlight=False, soft_wrap=True)

    @property
    def is_interactive(self) -> bool:
        """Whether somebody can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, sentence: str) -> None:
        """Tell a person something; never a result that a program reads."""
        self.words.print(sentence.translate(_TAMED), markup=False)

    def result(self, text: str) -> None:
        """Print a result on stdout."""
        sys.stdout.write(text.translate(_TAMED) + "\n")
        sys.stdout.flush()

    def json(self, value: Any) -> None:
        """Print the one JSON object of a command."""
        import json

        self.result(json.dumps(value, ensure_ascii=False, indent=2))

    def open_ledger(self, *, new: bool = False) -> Ledger:
        """The project's ledger, made if the project never had one."""
        from mailrunner.store import Ledger

        return Ledger.open(folder=self.folder, url=self.project.database_url, clock=self.clock, new=new)

    def look_at_ledger(self) -> Ledger:
        """The ledger for a command that changes nothing; an empty one where there is none yet."""
        from mailrunner.store import Ledger

        return Ledger.open_for_reading(folder=self.folder, url=self.project.database_url, clock=self.clock)

    def event_log(self) -> EventLog:
        from mailrunner.event_log import EventLog

        return EventLog(self.log_json, clock=self.clock, secrets=self.project.secrets())


def command(app: typer.Typer, name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Register a function whose first parameter is the Session; the options everywhere are added.

    The function returns an Exit, or nothing for 0.
    """

    def register(function: Callable[..., Exit | None]) -> Callable[..., Exit | None]:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        @wraps(function)
        def entry(ctx: typer.Context, **given: Any) -> None:
            before: dict[str, Any] = ctx.find_root().obj or {}  # options before the command's name
            own = {name: given.pop(name) or before.get(name) for name in ("project", "quiet", "log_json")}
            session = CommandContext(own["project"], bool(own["quiet"]), own["log_json"])
            raise typer.Exit(int(_run(session, function, given)))

        everywhere = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            _option("project", ProjectOption, None),
            _option("quiet", QuietOption, False),
            _option("log_json", LogOption, None),
        ]
        entry.__signature__ = inspect.Signature([*parameters, *everywhere])  # type: ignore[attr-defined]
        entry.__annotations__ = {p.name: p.annotation for p in (*parameters, *everywhere)}
        app.command(name, **options)(entry)
        return function

    return register


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _run(session: CommandContext, function: Callable[..., Exit | None], given: dict[str, Any]) -> Exit:
    """Run a command and turn what a person can mend into sentences."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return function(session, **given) or Exit.DONE
    except UserError as error:
        show_problems(session, error.problems)
        _answer_in_json(session, function.__name__, given, error.problems)
        return Exit.SETUP
    except LedgerError as error:
        complain(str(error.message), error.hint)
        _answer_in_json(session, function.__name__, given, (Problem(error.message, hint=error.hint),))
        return Exit.LEDGER
    except KeyboardInterrupt:
        complain("interrupted", "nothing is lost; type the same command to go on")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(
            f"{where}{error.strerror or error}", "nothing is lost; mend it and type the same command again"
        )
        return Exit.LEDGER


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM is the same as Ctrl-C."""
    raise KeyboardInterrupt


def complain(sentence: str, hint: str = "") -> None:
    """Say what went wrong, also under --quiet."""
    sys.stderr.write(f"mailrunner: {sentence}\n".translate(_TAMED))
    if hint:
        sys.stderr.write(f"  → {hint}\n")


def show_problems(session: CommandContext, problems: tuple[Problem, ...]) -> None:
    """Say all that is wrong, the place first and the next step below."""
    for problem in problems:
        place = ": ".join(part for part in (problem.file, problem.key) if part)
        complain(f"{place}: {problem.message}" if place else problem.message, problem.hint)


def _answer_in_json(
    session: CommandContext, command: str, given: dict[str, Any], problems: tuple[Problem, ...]
) -> None:
    """The one JSON object of a command that could not do what it was asked."""
    if given.get("as_json"):
        from mailrunner.cli.status import failed_answer

        session.json(failed_answer(session, command, given, problems))


def _close_quietly() -> NoReturn:
    """The reader of our output has gone (`mailrunner report | head`): nothing to complain about."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)
