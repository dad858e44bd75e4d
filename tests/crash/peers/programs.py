"""Each program: its files, the command that sends, and what a person types after a kill."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.lives import COMMAND
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

_SETTINGS = """
SECRET_KEY = "for a test"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "queue.db"}}}}
INSTALLED_APPS = ["{app}"]
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates"}}]
EMAIL_BACKEND = "{backend}"
EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = {port}
"""
_LETTER = "TO: {{email}}\nSUBJECT: Spring is here\nFROM: Ana Pop <ana@example.org>\n\nHello {{name}}\n"
_OUTPUT = "output.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`prepare` writes its files, `again` is done after a kill and gives the words to go on with."""

    name: str
    how: str
    words: Sequence[str]
    prepare: Callable[[Path, SmtpServer, int], None]
    again: Callable[[Path, Sequence[str]], Sequence[str]]

    def start(self, folder: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
        """Run it as a person would, with its words kept in a file."""
        with (folder / _OUTPUT).open("ab") as output:
            return subprocess.Popen(
                words,
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )


def programs(home: Path) -> list[Program]:
    """All of them; `home` is the environment in which the others are installed."""
    mailmerge = (str(home / "bin" / "mailmerge"), "--no-dry-run", "--no-limit")
    django = str(home / "bin" / "django-admin")
    python = str(home / "bin" / "python")
    mailer = _queue(python, "mailer", "mailer.backend.DbBackend")
    post_office = _queue(python, "post_office", "post_office.EmailBackend")
    return [
        Program(
            name="mailrunner", how="the same command", words=COMMAND, prepare=_mailrunner, again=_the_same
        ),
        Program(
            name="mailmerge 2.3.0",
            how="the same command",
            words=mailmerge,
            prepare=_mailmerge,
            again=_the_same,
        ),
        Program(
            name="mailmerge 2.3.0",
            how="`--resume N`, N read off its output",
            words=mailmerge,
            prepare=_mailmerge,
            again=_resume,
        ),
        Program(
            name="django-mailer 2.3.2",
            how="`send_mail` again",
            words=(django, "send_mail"),
            prepare=mailer,
            again=_the_same,
        ),
        Program(
            name="django-mailer 2.3.2",
            how="its lock file removed by hand, `send_mail` again",
            words=(django, "send_mail"),
            prepare=mailer,
            again=_unlock,
        ),
        Program(
            name="django-post_office 3.12.0",
            how="`send_queued_mail` again",
            words=(django, "send_queued_mail", "-L", "sending"),
            prepare=post_office,
            again=_the_same,
        ),
    ]


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",  # as on a terminal: what is said is seen, also before a kill
        "PYTHONPATH": os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))),
        "DJANGO_SETTINGS_MODULE": "settings",
    }


def _mailrunner(folder: Path, server: SmtpServer, number: int) -> None:
    CampaignInProcess(folder, server).write(csv=people(number))


def _mailmerge(folder: Path, server: SmtpServer, number: int) -> None:
    (folder / "mailmerge_database.csv").write_text(people(number))
    (folder / "mailmerge_template.txt").write_text(_LETTER)
    (folder / "mailmerge_server.conf").write_text(f"[smtp_server]\nhost = 127.0.0.1\nport = {server.port}\n")


def _queue(python: str, app: str, backend: str) -> Callable[[Path, SmtpServer, int], None]:
    def prepare(folder: Path, server: SmtpServer, number: int) -> None:
        (folder / "people.csv").write_text(people(number))
        (folder / "settings.py").write_text(_SETTINGS.format(app=app, backend=backend, port=server.port))
        script = Path(__file__).with_name("django_queue.py")
        subprocess.run((python, str(script)), cwd=folder, env=_environment(folder), check=True)

    return prepare


def _the_same(_: Path, words: Sequence[str]) -> Sequence[str]:
    return words


def _resume(folder: Path, words: Sequence[str]) -> Sequence[str]:
    """From the message after the last one that it said it had sent."""
    numbers = re.findall(r"message (\d+) sent", (folder / _OUTPUT).read_text(errors="replace"))
    return (*words, "--resume", str(int(numbers[-1]) + 1 if numbers else 1))


def _unlock(folder: Path, words: Sequence[str]) -> Sequence[str]:
    for lock in folder.glob("send_mail*"):
        lock.unlink()
    return words
