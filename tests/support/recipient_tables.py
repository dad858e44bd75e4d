"""What the tests of sources and recipients share: a `[recipients]` table, and reading a source to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    csv: str | None = None
    xlsx: str | None = None
    parquet: str | None = None
    sql: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    database: str | None = None
    email: str = "email"
    name: str | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    where: str | None = None


def rows_of(source: Source) -> list[tuple[int, tuple[str, ...]]]:
    return [row for chunk in source.chunks() for row in chunk]


def complaint(source: Source) -> str:
    """What the source says when it is read; it must complain."""
    with pytest.raises(UserError) as caught:
        assert source.columns
        rows_of(source)
    return str(caught.value)
