"""Cells: values to text, and text to the type of its column."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from mailrunner.recipients.cell import from_text, to_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00123", "00123"),
        (None, ""),
        (True, "TRUE"),
        (12, "12"),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        (float("nan"), ""),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(8, 30), "08:30:00"),
        (timedelta(days=1), "1 day, 0:00:00"),
        (b"caf\xe9", "caf\\xe9"),
    ],
)
def test_a_value_is_written_as_a_spreadsheet_shows_it(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("text", "type_name", "value"),
    [
        ("00123", "int", 123),
        (" -7 ", "int", -7),
        ("12.0", "int", 12),
        ("1e5", "float", 100000.0),
        (".5", "float", 0.5),
        ("2026-01-02", "date", date(2026, 1, 2)),
        ("2026-01-02T00:00:00", "date", date(2026, 1, 2)),
        ("2026-01-02 08:30", "datetime", datetime(2026, 1, 2, 8, 30)),  # noqa: DTZ001
        ("TRUE", "bool", True),
        ("no", "bool", False),
        ("0", "bool", False),
    ],
)
def test_text_is_read_as_its_type(text: str, type_name: str, value: object) -> None:
    assert from_text(text, type_name) == value
    assert type(from_text(text, type_name)) is type(value)


@pytest.mark.parametrize(
    ("text", "type_name"),
    [
        ("abc", "int"),
        ("1_000", "int"),
        ("12.5", "int"),
        ("١٢", "int"),
        ("9" * 5000, "int"),
        ("nan", "float"),
        ("inf", "float"),
        ("1e999", "float"),
        ("1,5", "float"),
        ("2026-13-01", "date"),
        ("02.01.2026", "date"),
        ("2026-01-02T08:30", "date"),
        ("soon", "datetime"),
        ("2", "bool"),
    ],
)
def test_text_of_another_type_is_refused(text: str, type_name: str) -> None:
    with pytest.raises(ValueError, match=f"is no {type_name}") as caught:
        from_text(text, type_name)
    assert len(str(caught.value)) < 120
