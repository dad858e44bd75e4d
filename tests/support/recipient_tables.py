"""Recipient lists for tests: the `[recipients]` keys, a CSV list in a folder, reading a source to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList, RecipientRow
from mailrunner.recipients.source import Row, Source

LIST = """\
email,full_name,country,points,since
ana@example.org,Ana Pop,RO,150,2026-01-02
 Bo@Example.org ,,DE,7,2025-05-06
not an address,Cy,RO,200,2024-01-01
,Di,RO,300,2024-01-01
eve@example.org,Eve,RO,many,2024-01-01
fay@example.org,Fay,RO, ,2024-01-01
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The `[recipients]` table of a campaign file, with its defaults."""

    csv: str | None = None
    xlsx: str | None = None
    parquet: str | None = None
    sql: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    database: str | None = None
    header_row: int | None = None
    hidden: Literal["skip", "take"] | None = None
    several: Literal["first", "all"] | None = None
    email: str = "email"
    name: str | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    where: str | None = None


def csv_source(folder: Path, content: str | bytes, **keys: Any) -> Source:
    """A CSV list of this content, opened; `keys` are of `[recipients]`."""
    octets = content if isinstance(content, bytes) else content.encode()
    (folder / "list.csv").write_bytes(octets)
    return open_source(Spec(csv="list.csv", **keys), folder)


def recipient_list(folder: Path, content: str | bytes = LIST, **keys: Any) -> RecipientList:
    """The same as recipients, for the campaign file campaigns/spring.toml."""
    spec = Spec(csv="list.csv", **keys)
    return RecipientList(csv_source(folder, content, **keys), spec, file="campaigns/spring.toml")


def recipient_rows(folder: Path, content: str | bytes = LIST, **keys: Any) -> list[RecipientRow]:
    """All rows of such a list that `where` keeps."""
    return [row for chunk in recipient_list(folder, content, **keys).chunks() for row in chunk]


def rows_of(source: Source) -> list[Row]:
    """All rows of a source with their numbers."""
    return [row for chunk in source.chunks() for row in chunk]


def error_of(source: Source) -> str:
    """The error of reading a source to its end; there must be one."""
    with pytest.raises(UserError) as caught:
        assert source.columns
        rows_of(source)
    return str(caught.value)
