"""Writes an entry where its program reads it, and takes it away again; nothing else there is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mailrunner.cli.scheduling.entries import Job, Scheduler
from mailrunner.errors import Problem, UserError


def install_entry(scheduler: Scheduler, job: Job) -> str:
    """Write the entry, in place of an earlier one of this project; return what was done, as a sentence.

    Raises UserError where the scheduler is not there or refuses.
    """
    _refuse_unwritable(job)
    if scheduler is Scheduler.CRON:
        before = _crontab()
        after = _without(before, job) + job.cron_line() + "\n"
        if after == before:
            return f"the crontab has this line already: {job.cron_line()}"
        _write_crontab(after)
        return f"written into the crontab: {job.cron_line()}"
    if scheduler is Scheduler.SYSTEMD:
        for name, text in job.units().items():
            _units_folder().mkdir(parents=True, exist_ok=True)
            (_units_folder() / name).write_text(text, encoding="utf-8")
        _called(["systemctl", "--user", "daemon-reload"])
        _called(["systemctl", "--user", "enable", "--now", f"{job.name}.timer"])
        return f"{job.name}.timer is enabled; its files are in {_units_folder()}"
    _called(job.windows_words())
    return f'the task "{job.name}" is in Task Scheduler'


def remove_entry(scheduler: Scheduler, job: Job) -> str:
    """Take the entry of this project away; return what was done, as a sentence.

    Raises UserError where the scheduler is not there or refuses.
    """
    if scheduler is Scheduler.CRON:
        before = _crontab()
        after = _without(before, job)
        if after == before:
            return "the crontab has no line for this project"
        _write_crontab(after)
        return "the line is no longer in the crontab"
    if scheduler is Scheduler.SYSTEMD:
        there = [_units_folder() / name for name in job.units() if (_units_folder() / name).exists()]
        if not there:
            return "there is no timer for this project"
        _called(["systemctl", "--user", "disable", "--now", f"{job.name}.timer"])
        for path in there:
            path.unlink()
        _called(["systemctl", "--user", "daemon-reload"])
        return f"{job.name}.timer is gone"
    _called(["schtasks", "/Delete", "/F", "/TN", job.name])
    return f'the task "{job.name}" is no longer in Task Scheduler'


def _refuse_unwritable(job: Job) -> None:
    """A line break in a path would end the entry, and begin another one."""
    if any(sign in word for word in job.words for sign in "\r\n\0"):
        raise UserError(Problem("the project's folder has a line break in its name", hint="rename it"))


def _crontab() -> str:
    """The user's crontab; "" where there is none."""
    done = _run(["crontab", "-l"], None)
    if done.returncode and "no crontab" not in done.stderr.lower():
        raise _refused(["crontab", "-l"], done.stderr)
    return done.stdout if not done.returncode else ""


def _write_crontab(text: str) -> None:
    _called(["crontab", "-"], text)


def _without(crontab: str, job: Job) -> str:
    lines = crontab.splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.rstrip().endswith(f"# {job.name}"))
    return kept if not kept or kept.endswith("\n") else f"{kept}\n"


def _units_folder() -> Path:
    """Where systemd looks for a user's own units (systemd.unit(5))."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "systemd" / "user"


def _called(words: Sequence[str], stdin: str | None = None) -> None:
    done = _run(words, stdin)
    if done.returncode:
        raise _refused(words, done.stderr or done.stdout)


def _run(words: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        hint = "print the entry without --install, or name another one with --for"
        raise UserError(Problem(f"there is no program {words[0]} on this machine", hint=hint)) from None


def _refused(words: Sequence[str], said: str) -> UserError:
    message = f"{words[0]} refused: {' '.join(said.split())[:200] or 'it gave no reason'}"
    return UserError(Problem(message, hint="print the entry without --install, and put it there by hand"))
