"""Entries that start `mailrunner resume` every few minutes, as cron, systemd and Task Scheduler read them.

They run with a short PATH and in another folder (crontab(5): PATH=/usr/bin:/bin), so every path is whole.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mailrunner.errors import Problem, UserError

_LONGEST_TASK = 261  # what schtasks.exe says itself of a longer /TR


class Scheduler(StrEnum):
    """The programs that start others at set times."""

    CRON = "cron"
    SYSTEMD = "systemd"
    WINDOWS = "windows"

    @classmethod
    def of_this_machine(cls) -> Scheduler:
        return cls.WINDOWS if sys.platform == "win32" else cls.CRON


@dataclass(frozen=True, slots=True)
class Job:
    """`program` with `mailrunner resume` for the project in `folder`, every so many minutes."""

    program: tuple[str, ...]
    folder: Path
    every: int

    @classmethod
    def of_project(cls, folder: Path, *, every: int) -> Job:
        """The job for a project, with the interpreter that runs now: it has all that is installed.

        With -P no folder that is called mailrunner is taken for the program."""
        return cls((sys.executable, "-P", "-m", "mailrunner"), folder.resolve(), every)

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.program, "resume", "--quiet", "--project", str(self.folder))

    @property
    def name(self) -> str:
        """The same for this project at all times, and for no other."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.folder.name).strip("-")[:30] or "project"
        return f"mailrunner-{plain}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    def entry(self, scheduler: Scheduler) -> Iterator[tuple[str, str]]:
        """What is written, each text with a sentence about where it belongs."""
        if scheduler is Scheduler.CRON:
            yield "a line for your crontab (crontab -e):", self.cron_line()
        elif scheduler is Scheduler.SYSTEMD:
            for file, text in self.units().items():
                yield f"~/.config/systemd/user/{file}:", text
            yield "then:", f"systemctl --user daemon-reload\nsystemctl --user enable --now {self.name}.timer"
        else:
            yield "a command for the command prompt:", subprocess.list2cmdline(self.windows_words())

    def cron_line(self) -> str:
        """A line of a crontab, in which % would end the command (crontab(5))."""
        minutes = "0" if self.every == 60 else "*" if self.every == 1 else f"*/{self.every}"
        return f"{minutes} * * * * {shlex.join(self.words)}".replace("%", r"\%") + f"  # {self.name}"

    def units(self) -> dict[str, str]:
        """The two unit files (systemd.service(5), systemd.timer(5)); exit 75 is no failure: go on later."""
        command = " ".join(map(_systemd_word, self.words))
        service = (
            f"[Unit]\nDescription=Continue the campaigns of {_systemd_text(str(self.folder))}\n\n"
            f"[Service]\nType=oneshot\nExecStart={command}\nSuccessExitStatus=75\n"
        )
        calendar = "hourly" if self.every == 60 else f"*:0/{self.every}"
        timer = (
            f"[Unit]\nDescription=Every {self.every} minutes: {self.name}\n\n"
            f"[Timer]\nOnCalendar={calendar}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
        )
        return {f"{self.name}.service": service, f"{self.name}.timer": timer}

    def windows_words(self) -> list[str]:
        """The command that makes the task, replacing one of its name (schtasks /Create).

        Raises UserError where the paths are longer than a task's command may be.
        """
        task = subprocess.list2cmdline(self.words)
        if len(task) > _LONGEST_TASK:
            message = f"Task Scheduler takes commands of {_LONGEST_TASK} characters; this one has {len(task)}"
            raise UserError(Problem(message, hint="move the project to a folder with a shorter path"))
        when = ["/SC", "MINUTE", "/MO", str(self.every)]
        return ["schtasks", "/Create", "/F", *when, "/TN", self.name, "/TR", task]


def _systemd_text(text: str) -> str:
    return text.replace("%", "%%")


def _systemd_word(word: str) -> str:
    """A word of ExecStart in quotation marks; % and $ mean themselves (systemd.service(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^\w@%+=:,./-]", word) else escaped
