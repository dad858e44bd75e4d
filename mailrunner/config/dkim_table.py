"""The keys of `[accounts.NAME.dkim]`, and the settings that they make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from mailrunner.config.paths import is_file
from mailrunner.config.toml_table import Table
from mailrunner.errors import Problem

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def dkim_domain(text: str) -> str:
    """A domain as it stands in d=; ValueError with the sentence for the user."""
    if len(text) > 253 or not _DOMAIN.fullmatch(text):
        raise ValueError(f'"{text}" is no domain; write e.g. example.org (xn--… for other alphabets)')
    return text.casefold()


def dkim_selector(text: str) -> str:
    """A selector as it stands in s= (RFC 6376 §3.1); ValueError with the sentence for the user."""
    if len(text) > 63 or not _SELECTOR.fullmatch(text):
        raise ValueError(f'"{text}" is no selector; write a word such as mr202611')
    return text.casefold()


Domain = Annotated[str, AfterValidator(dkim_domain)]
Selector = Annotated[str, AfterValidator(dkim_selector)]


class DkimTable(Table):
    """[accounts.NAME.dkim]: signing of messages that leave by an own relay."""

    domain: Domain = Field(description="The domain that signs: that of From, or one above it.")
    selector: Selector = Field(description="Where the public key stands: SELECTOR._domainkey.DOMAIN.")
    key_file: str = Field(description="The private key: a PEM file; `mailrunner dkim new` makes one.")
    second_selector: Selector | None = Field(None, description="That of a second key, of the other kind.")
    second_key_file: str | None = Field(None, description="The second private key, e.g. of Ed25519.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """The keys of one account: selector and file of each, all for one domain."""

    domain: str
    keys: tuple[tuple[str, Path], ...]


def complete_dkim(table: DkimTable | None, folder: Path) -> DkimSettings | None:
    """The settings; paths start at `folder`."""
    if table is None:
        return None
    keys = [(table.selector, folder / table.key_file)]
    if table.second_selector and table.second_key_file:
        keys.append((table.second_selector, folder / table.second_key_file))
    return DkimSettings(domain=table.domain, keys=tuple(keys))


def dkim_problems(table: DkimTable | None, *, signs_itself: str, folder: Path) -> Iterator[Problem]:
    """What is wrong in the table; `signs_itself` is the provider that signs, "" for an own relay."""
    if table is None:
        return
    if signs_itself:
        hint = "remove this table, and switch DKIM on at the provider"
        yield Problem(
            f"{signs_itself} signs messages itself, and changes what was signed before", key="dkim", hint=hint
        )
    if (table.second_selector is None) != (table.second_key_file is None):
        missing = "second_selector" if table.second_selector is None else "second_key_file"
        yield Problem("this key is missing", key=f"dkim.{missing}", hint="a second key needs both")
    elif table.second_selector == table.selector:
        yield Problem("is the first one's as well", key="dkim.second_selector", hint="name another")
    for key in ("key_file", "second_key_file"):
        name = getattr(table, key)
        if name and not is_file(folder / name):
            hint = f"make one with: mailrunner dkim new {table.domain}"
            yield Problem(f'there is no file "{name}"', key=f"dkim.{key}", hint=hint)
