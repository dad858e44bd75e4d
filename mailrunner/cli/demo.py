"""`mailrunner demo`: the example newsletter, sent to a server on this machine."""

from __future__ import annotations

import csv
import shlex
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.catch import RunningCatcher, catching, show_caught
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.listening import check_extra
from mailrunner.cli.output import complain, show_problems
from mailrunner.errors import UserError
from mailrunner.model.number_and_noun import counted

_SLOW = 1.0  # seconds that slow@ waits here
_ORDER = ("sent", "failed", "in_doubt", "queued", "suppressed", "skipped")
# What a user types next, by the state of a delivery.
_NEXT = {
    "failed": "report newsletter --failed",
    "in_doubt": "resolve newsletter",
    "queued": "resume",
}


@command(app, "demo", panel=SET_UP)
def demo(
    context: CommandContext,
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Folder for the demonstration; an earlier one is replaced. Default: ./demo."
        ),
    ] = None,
) -> Exit:
    """Send the example newsletter to a server on this machine.

    It runs into a low limit, waits and goes on; some recipients fail on purpose, as their addresses say. On
    a terminal the messages are shown at the end. Nothing leaves this machine.
    """
    from mailrunner.cli.demo_project import clear

    folder = directory or context.project_dir or Path("demo")
    clear(folder)
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as listener,
        catching(context, listener, keep=folder / "mailbox", slow=_SLOW) as caught,
    ):
        if not _is_played(context, folder, caught.port):
            complain("the demonstration did not end as it should", f"look at {folder}")
            return Exit.SOME_FAILED
        code = _show_result(context, folder, caught)
        if context.is_interactive and not context.quiet:
            _show_messages(context, caught)
    return code


def _is_played(context: CommandContext, folder: Path, port: int) -> bool:
    """Send the newsletter as a user would; True where each command ended as it should."""
    from mailrunner.cli.demo_project import LIMIT, UNSUBSCRIBED, prepare
    from mailrunner.config.project_template import CAMPAIGN

    prepare(folder, host="127.0.0.1", port=port)
    number, _, window = LIMIT.partition("/")
    context.say(f"A project in {folder}, and a server that keeps its messages in {folder / 'mailbox'}.")
    context.say(f"The limit is {counted(int(number), 'message')} in {window}: the run waits in between.")
    steps = (
        (Exit.DONE, "suppress", "add", UNSUBSCRIBED, "--list", "Club news", "--reason", "unsubscribe"),
        (Exit.LATER, "run", CAMPAIGN, "--yes"),
        (Exit.DONE, "report", CAMPAIGN, "--format", "csv", "--out", str(folder / "report.csv")),
        (Exit.DONE, "report", CAMPAIGN, "--format", "html", "--out", str(folder / "report.html")),
        (Exit.DONE, "preview", CAMPAIGN, "--out", str(folder / "preview")),
    )
    return all(_play(context, folder, *words) == expected for expected, *words in steps)


def _play(context: CommandContext, folder: Path, *words: str) -> int:
    """Run one command in a process of its own; return its exit code."""
    context.say(f"\n$ mailrunner {shlex.join(words)}")
    where = ["--project", str(folder), *(["--quiet"] if context.quiet else [])]
    given = [sys.executable, "-m", "mailrunner", *words, *where]
    return subprocess.run(given, check=False, stdout=sys.stderr).returncode  # noqa: S603 - our own commands


def _show_result(context: CommandContext, folder: Path, caught: RunningCatcher) -> Exit:
    """Compare the report with what the server got, and print what came of each recipient."""
    from mailrunner.cli.demo_project import mistakes

    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for line in _outcomes(rows, folder):
        context.result(line)
    got = Counter(one.recipient for one in caught.messages.listed() if not one.answer)
    sent, in_doubt = (
        [row["normalised"] for row in rows if row["state"] == state] for state in ("sent", "in_doubt")
    )
    wrong = mistakes(sent, in_doubt, got)
    for sentence in wrong:
        complain(sentence)
    if not wrong:
        told = f"{counted(got.total(), 'message')} to {counted(len(got), 'recipient')}"
        context.result(f"{told}: none twice, none lost.")
    context.result("Look at:")
    for name in ("preview/index.html", "report.html", "report.csv", "mailbox/"):
        context.result(f"  {folder / name}")
    return Exit.SOME_FAILED if wrong else Exit.DONE


def _outcomes(rows: list[dict[str, str]], folder: Path) -> Iterator[str]:
    """The rows of the list by state and reason, and the command that goes on from there."""
    yield f"\n{counted(len(rows), 'row')} on the list"
    kinds = Counter(map(_kind, rows))
    for (state, reason), number in sorted(kinds.items(), key=lambda kind: _ORDER.index(kind[0][0])):
        yield f"  {number:>3}  {state.replace('_', ' '):<11} {reason}".rstrip()
    yield "To go on:"
    for state, words in _NEXT.items():
        if any(kind[0] == state for kind in kinds):
            yield f"  {state.replace('_', ' '):<9} mailrunner {words} --project {folder}"


def _kind(row: Mapping[str, str]) -> tuple[str, str]:
    return row["state"], "" if row["state"] == "sent" else row["reason"] or row["reply"]


def _show_messages(context: CommandContext, caught: RunningCatcher) -> None:
    """Show the messages of the demonstration, which its server goes on to take, until Ctrl-C."""
    try:
        check_extra("showing the messages")
        show_caught(context, caught, web=0)
    except UserError as error:  # without the extra `web`
        show_problems(error.problems)
