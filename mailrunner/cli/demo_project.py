"""The project of the demonstration: the example newsletter, and an account at the capturing server."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mailrunner.config.project_template import (
    ProjectSender,
    hidden_files,
    project_files,
    write,
    write_schemas,
)
from mailrunner.errors import Problem, UserError
from mailrunner.model.address import normalise

LIMIT = "16/3s"  # lower than the list is long, so that the run waits and goes on
UNSUBSCRIBED = "olivia.leaving@garden.example"
# Behind the list of the example: one recipient for each thing that can happen, as the catcher plays it.
# The last one comes last: the server's answer to it pauses the account.
_SLOW = ("uwe.kraemer@linden.example", "slow@linden.example")
_MORE = """\
gone@garden.example,Georg,Georg Fort,DE,00125,,2012
full@garden.example,Fulvia,Fulvia Piena,IT,00126,,2013
cut@garden.example,Cutter,Cut Off,GB,00127,,2014
quota@garden.example,Quentin,Quentin Quota,FR,00128,,2015
"""
_LIST = "data/subscribers.csv"
_MARKER = Path(".mailrunner", "demo")


def clear(folder: Path) -> None:
    """Make an empty folder for the demonstration, in place of an earlier one.

    Raises UserError where the folder holds anything else.
    """
    if folder.exists():
        if not (folder / _MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            hint = "name another folder: mailrunner demo DIR"
            raise UserError(Problem(f"{folder} exists and was not made by mailrunner demo", hint=hint))
        shutil.rmtree(folder)
    (folder / _MARKER).parent.mkdir(parents=True)
    (folder / _MARKER).touch()


def prepare(folder: Path, *, host: str, port: int) -> None:
    """Write the demonstration's project, which sends through that server."""
    sender = example_sender(host=host, port=port, limits=(LIMIT,))
    contents = {**project_files(sender), **hidden_files(sender)}
    contents[_LIST] = (contents[_LIST].decode().replace(*_SLOW) + _MORE).encode()
    write(folder, contents)
    write_schemas(folder)


def example_sender(
    *, host: str = "127.0.0.1", port: int = 2525, limits: tuple[str, ...] = ("500/24h",)
) -> ProjectSender:
    """The sender of the example: a reserved domain (RFC 6761 §6.5), through a server on this machine."""
    address, name = "news@garden.example", "Linden Garden Club"
    return ProjectSender(provider="smtp", address=address, name=name, host=host, port=port, limits=limits)


def mistakes(sent: Iterable[str], in_doubt: Iterable[str], got: Counter[str]) -> list[str]:
    """Differences between the report and the server, as sentences.

    `sent` and `in_doubt` are the keys of the recipients that the report calls so, `got` the messages of
    each address.
    """
    counted: Counter[str] = Counter()
    for address, number in got.items():
        counted[normalise(address).key] += number
    twice = [f"{key} got {number} messages" for key, number in counted.items() if number > 1]
    lost = [f"{key} is reported as sent and got nothing" for key in sent if not counted[key]]
    extra = [
        f"{key} got a message and is not reported as sent" for key in counted.keys() - {*sent, *in_doubt}
    ]
    return sorted([*twice, *lost, *extra])
