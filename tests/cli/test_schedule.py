"""`schedule`: entries that work under cron's own PATH; what --install writes, and --remove takes away."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from mailrunner.cli.scheduling.entries import Job, Scheduler
from mailrunner.errors import UserError
from tests.support.projects import Project, on_unix

CRONTAB = """#!/bin/sh
file="{file}"
if [ "$1" = "-l" ]; then
  [ -f "$file" ] || {{ echo "no crontab for you" >&2; exit 1; }}
  cat "$file"
else
  cat > "$file"
fi
"""


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file behind a program `crontab` that keeps one, as the real one needs a daemon's folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(CRONTAB.format(file=tmp_path / "crontab.txt"))
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "crontab.txt"


def club(folder: Path) -> Project:
    return Project(folder / "my 50% club").write(rows=["ana@example.org,Ana"])


@on_unix
def test_the_line_for_cron_works_under_its_path_and_shell(tmp_path: Path) -> None:
    answer = club(tmp_path).mailrunner("schedule", "--for", "cron")
    line = answer.stdout.strip()
    assert line.startswith("*/15 * * * * /")
    typed = line.split(" ", 5)[5].replace(r"\%", "%")
    done = subprocess.run(
        ["/bin/sh", "-c", typed],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@on_unix
def test_install_writes_the_line_once_and_remove_takes_it_away_alone(tmp_path: Path, crontab: Path) -> None:
    mine = "5 4 * * * backup  # mine"
    crontab.write_text(mine)
    project = club(tmp_path)
    assert "written into the crontab" in project.mailrunner("schedule", "--install").stdout
    assert "has this line already" in project.mailrunner("schedule", "--install").stdout
    project.mailrunner("schedule", "--install", "--every", "5")
    lines = crontab.read_text().splitlines()
    assert lines[0] == mine
    assert [line.split(" ")[0] for line in lines[1:]] == ["*/5"]
    assert "no longer" in project.mailrunner("schedule", "--remove").stdout
    assert crontab.read_text() == f"{mine}\n"
    assert "has no line" in project.mailrunner("schedule", "--remove").stdout


@on_unix
def test_a_first_crontab_is_made(tmp_path: Path, crontab: Path) -> None:
    club(tmp_path).mailrunner("schedule", "--install")
    assert crontab.read_text().count("resume --quiet --project") == 1


@on_unix
def test_a_machine_without_crontab_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = club(tmp_path).mailrunner("schedule", "--install", "--for", "cron")
    assert (answer.code, "there is no program crontab" in answer.stderr) == (78, True)


def test_the_units_for_systemd_escape_what_it_would_expand(tmp_path: Path) -> None:
    job = Job(("/opt/py $x/python", "-m", "mailrunner"), Path("/home/a b/50% club"), 15)
    service, timer = job.units().values()
    assert (
        'ExecStart="/opt/py $$x/python" -m mailrunner resume --quiet --project "/home/a b/50%% club"'
        in service
    )
    assert "SuccessExitStatus=75" in service
    assert "OnCalendar=*:0/15" in timer


def test_the_task_for_windows_is_one_command() -> None:
    words = Job((r"C:\Program Files\Python\python.exe", "-m", "mailrunner"), Path("club"), 15).windows_words()
    assert words[:3] == ["schtasks", "/Create", "/F"]
    assert words[-1].startswith(r'"C:\Program Files\Python\python.exe" -m mailrunner resume --quiet')


def test_a_task_that_windows_would_refuse_for_its_length_is_refused_here() -> None:
    job = Job((r"C:\Program Files\Python\python.exe", "-m", "mailrunner"), Path("club" * 60), 15)
    with pytest.raises(UserError, match="Task Scheduler takes commands of 261 characters; this one has"):
        job.windows_words()


def test_two_projects_of_one_name_have_entries_of_their_own(tmp_path: Path) -> None:
    one, other = (Job(("m",), tmp_path / part / "club", 15) for part in ("a", "b"))
    assert one.name != other.name
    assert shlex.split(one.cron_line(), comments=True)[5] == "m"


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_every_entry_is_printed_with_whole_paths(tmp_path: Path, scheduler: Scheduler) -> None:
    project = club(tmp_path)
    shown = project.mailrunner("schedule", "--for", scheduler).stdout
    assert "resume --quiet --project" in shown
    assert str(project.folder).split("%", maxsplit=1)[0] in shown
