"""The header fields of a message as they are sent, with what each is for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_OWN = "A field of this campaign's own."


class HeaderField(NamedTuple):
    """A field: name, value folded as it is sent, a sentence on it, and the document that defines it or ""."""

    name: str
    value: str
    meaning: str
    source: str


def header_fields(data: bytes) -> list[HeaderField]:
    """The fields with which a message begins, in their order."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    fields: list[tuple[str, list[str]]] = []
    for line in head.split("\r\n"):
        if line.startswith((" ", "\t")) and fields:
            fields[-1][1].append(line)
        else:
            name, _, value = line.partition(":")
            fields.append((name, [value.removeprefix(" ")]))
    return [HeaderField(name, "\n".join(lines), *_meaning(name)) for name, lines in fields]


def _meaning(name: str) -> tuple[str, str]:
    found = _meanings().get(name.lower())
    return (found[0], found[1]) if found else (_OWN, "")


@cache
def _meanings() -> Mapping[str, list[str]]:
    text = files("mailrunner").joinpath("data", "preview", "headers.toml").read_text("utf-8")
    return {name.lower(): found for name, found in tomllib.loads(text).items()}
