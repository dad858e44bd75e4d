"""`mailrunner demo`: the example newsletter, sent to a server on this machine."""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import complain, show_problems
from mailrunner.errors import UserError
from mailrunner.model.counted import counted


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

    It runs into a low limit, waits and goes on; its report is shown at the end. Nothing leaves this machine.
    """
    from mailrunner.cli.demo_project import LIMIT, UNSUBSCRIBED, clear, prepare
    from mailrunner.cli.demo_server import CapturingServer
    from mailrunner.config.project_template import CAMPAIGN

    folder = directory or context.project_dir or Path("demo")
    clear(folder)
    with CapturingServer(folder / "mailbox") as server:
        prepare(folder, host=server.host, port=server.port)
        context.say(f"A project in {folder}, and a server that keeps its messages in {server.mailbox}.")
        context.say(
            f"The limit is {counted(int(LIMIT.partition('/')[0]), 'message')} in {LIMIT.partition('/')[2]}: "
            "the run waits in between."
        )
        steps = (
            ("suppress", "add", UNSUBSCRIBED, "--list", "Club news", "--reason", "unsubscribe"),
            ("run", CAMPAIGN, "--wait", "--yes"),
            ("report", CAMPAIGN, "--format", "csv", "--out", str(folder / "report.csv")),
            ("report", CAMPAIGN, "--format", "html", "--out", str(folder / "report.html")),
            ("preview", CAMPAIGN, "--out", str(folder / "preview")),
        )
        codes = [_play(context, folder, *step) for step in steps]
        got = server.addresses.copy()
    if any(codes):
        complain("the demonstration did not end as it should", f"look at {folder}")
        return Exit.SOME_FAILED
    code = _show_result(context, folder, got)
    if context.is_interactive and not context.quiet:
        _show_messages(context, folder)
    return code


def _show_messages(context: CommandContext, folder: Path) -> None:
    """Serve the messages of the demonstration on this machine, until Ctrl-C."""
    from mailrunner.cli.catch import serve_caught

    try:
        serve_caught(context, port=0, web=0, mailbox=folder / "mailbox")
    except UserError as error:  # without the extra `web`
        show_problems(error.problems)


def _play(context: CommandContext, folder: Path, *words: str) -> int:
    """Run one command as a user would, in a process of its own; return its exit code."""
    context.say(f"\n$ mailrunner {shlex.join(words)}")
    where = ["--project", str(folder), *(["--quiet"] if context.quiet else [])]
    given = [sys.executable, "-m", "mailrunner", *words, *where]
    return subprocess.run(given, check=False, stdout=sys.stderr).returncode  # noqa: S603 - our own commands


def _show_result(context: CommandContext, folder: Path, got: Counter[str]) -> Exit:
    """Compare the report with what the server got, and print the files to look at."""
    from mailrunner.cli.demo_project import mistakes

    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    context.result(f"\n{counted(len(rows), 'row')} on the list")
    kinds = Counter((row["state"], "" if row["state"] == "sent" else row["reason"]) for row in rows)
    for (state, reason), number in kinds.most_common():
        context.result(f"  {number:>3}  {state:<11} {reason}".rstrip())
    wrong = mistakes([row["normalised"] for row in rows if row["state"] == "sent"], got)
    for sentence in wrong:
        complain(sentence)
    if not wrong:
        context.result(
            f"  {counted(got.total(), 'message')} to {counted(len(got), 'recipient')}: none twice, none lost."
        )
    context.result("Look at:")
    for name in ("preview/index.html", "report.html", "report.csv", "mailbox/"):
        context.result(f"  {folder / name}")
    return Exit.SOME_FAILED if wrong else Exit.DONE
