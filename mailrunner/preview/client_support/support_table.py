"""Support by mail programs, by the data of Can I email, and the effect that a reader would notice."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_PLATFORMS = {
    "desktop-webmail": "in the browser",
    "ios": "on an iPhone",
    "android": "on Android",
    "macos": "on a Mac",
    "windows": "on Windows",
    "windows-mail": "as Windows Mail",
    "outlook-com": "in the browser",
}
_PHONES = ("ios", "android")


class MailProgram(NamedTuple):
    """A mail program in the words of its users.

    `clients` are those of Can I email; `domains` are those of the mailboxes that are read with it, and none
    where any mailbox may be.
    """

    name: str
    clients: tuple[str, ...]
    domains: tuple[str, ...] = ()

    def reads(self, domain: str) -> bool:
        """True where mailboxes of a domain are read with it: "gmx." stands for gmx.de, gmx.at, …"""
        return any(domain == own or (own.endswith(".") and domain.startswith(own)) for own in self.domains)


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of CSS or HTML, and a verdict on it for each client: y, a (in part), n, u or - (unknown).

    With `on_phones` it matters on phones alone.
    """

    title: str
    verdicts: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    on_phones: bool

    def lacking(self, program: MailProgram) -> str:
        """The program, with its platforms where it is not the same on all; "" where it has the feature."""
        clients = (client for client in program.clients if not self.on_phones or _platform(client) in _PHONES)
        known = {client: found for client in clients if (found := self.verdicts[client]) in "yan"}
        lacking = [client for client, found in known.items() if found == "n"]
        if not lacking:
            return ""
        if len(lacking) == len(known) or len(program.clients) == 1:
            return program.name
        places = dict.fromkeys(_PLATFORMS[_platform(client)] for client in lacking)
        return f"{program.name} {' and '.join(places)}"


class SupportTable(NamedTuple):
    """The whole table; `breaks` and `fades` say, for features that matter, what a reader then sees."""

    as_of: str
    features: Mapping[str, Feature]
    breaks: Mapping[str, str]
    fades: Mapping[str, str]
    programs: tuple[MailProgram, ...]


@cache
def support_table() -> SupportTable:
    """Read the table, once."""
    folder = files("mailrunner") / "data" / "caniemail"
    support = json.loads(folder.joinpath("support.json").read_text("utf-8"))
    weight = tomllib.loads(folder.joinpath("weight.toml").read_text("utf-8"))
    clients = support["clients"]
    return SupportTable(
        as_of=support["as_of"],
        features={
            slug: _feature(found, clients, on_phones=slug in weight["phones"]["features"])
            for slug, found in support["features"].items()
        },
        breaks=weight["breaks"],
        fades=weight["fades"],
        programs=tuple(_program(given, clients) for given in weight["programs"]),
    )


@cache
def known_features() -> frozenset[str]:
    """The features that the table has."""
    return frozenset(support_table().features)


def _feature(found: Mapping[str, Any], clients: Iterable[str], *, on_phones: bool) -> Feature:
    notes = {client: tuple(given) for client, given in found.get("notes", {}).items()}
    return Feature(found["title"], dict(zip(clients, found["verdicts"], strict=True)), notes, on_phones)


def _platform(client: str) -> str:
    return client.partition(".")[2]


def _program(given: Mapping[str, Any], clients: Iterable[str]) -> MailProgram:
    own = [client for client in clients for name in given["clients"] if f"{client}.".startswith(f"{name}.")]
    return MailProgram(given["name"], tuple(own), tuple(given.get("domains", ())))
