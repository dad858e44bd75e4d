"""Dates, numbers and money as the reader's language writes them; what cannot be read names its cell."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from mailrunner.errors import RowError
from tests.support.projects import Project
from tests.support.rendering import NOW, Spec, fields_for, project_in, renderer


def written(folder: Path, template: str, locale: str | None = "de_DE", **row: object) -> str:
    if not (folder / "templates").exists():
        project_in(folder)
    Project(folder).put("templates/a.txt", template + " {{ unsubscribe_url }}")
    spec = Spec(html=None, text="a.txt", locale=locale, locale_column="lang")
    sent = renderer(folder, spec).render(fields_for(**row, row=row), NOW)
    return sent.text.partition(" https://")[0].replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("template", "cell", "expected"),
    [
        ('{{ x | money("EUR") }}', 1234.5, "1.234,50 €"),
        ('{{ x | money("EUR") }}', "1234.50", "1.234,50 €"),
        ('{{ x | money("EUR") }}', "1.234,50", "1.234,50 €"),
        ('{{ x | money("EUR") }}', Decimal("0.1"), "0,10 €"),
        ('{{ x | money("JPY", locale="ja") }}', 1000, "￥1,000"),
        ('{{ x | money("EUR") }}', "", ""),
        ("{{ x | number }}", "1234567", "1.234.567"),
        ("{{ x | number(2) }}", 3, "3,00"),
        ("{{ x | date }}", date(2026, 12, 1), "01.12.2026"),
        ('{{ x | date("long") }}', "2026-12-01", "1. Dezember 2026"),
        ('{{ x | date("EEEE, d. MMMM", locale="fr") }}', date(2026, 12, 1), "mardi, 1. décembre"),
        ("{{ x | date(\"d. MMMM 'des Jahres' yyyy\") }}", "2026-12-01", "1. Dezember des Jahres 2026"),
        ('{{ x | date("HH:mm") }}', datetime(2026, 12, 1, 9, 5), "09:05"),  # noqa: DTZ001
        ("{{ x | date }}", None, ""),
    ],
)
def test_values_are_written_in_the_campaigns_locale(
    tmp_path: Path, template: str, cell: object, expected: str
) -> None:
    assert written(tmp_path, template, x=cell) == expected


def test_the_locale_of_the_recipients_column_wins(tmp_path: Path) -> None:
    assert written(tmp_path, "{{ x | number }}", x=1234.5, lang="en-GB") == "1,234.5"
    assert written(tmp_path, "{{ x | number }}", x=1234.5, lang="") == "1.234,5"


@pytest.mark.parametrize(
    ("template", "locale", "row", "sentence"),
    [
        ("{{ x | number }}", "de_DE", {"x": "1.234"}, 'x: "1.234" may be 1.234 or 1234'),
        ("{{ x | number }}", "de_DE", {"x": "many"}, 'x: "many" is no number'),
        ("{{ x | date }}", "de_DE", {"x": "1.12.26"}, 'x: "1.12.26" is no date'),
        ("{{ x | number }}", None, {"x": "1"}, "no locale is set"),
        ("{{ x | money }}", "de_DE", {"x": "1"}, "money needs a currency"),
        ('{{ x | number("2") }}', "de_DE", {"x": "1"}, "number takes 0 to 20 decimals"),
        ("{{ x | number(400) }}", "de_DE", {"x": "1"}, "number takes 0 to 20 decimals"),
        (
            '{{ x | date("dd.mm.yyyy") }}',
            "de_DE",
            {"x": "2026-12-01"},
            'date("dd.mm.yyyy"): m means minutes, and M the month',
        ),
        (
            '{{ x | date("dd.MM.YYYY") }}',
            "de_DE",
            {"x": "2026-12-30"},
            'date("dd.MM.YYYY"): Y means the year of the week',
        ),
        (
            '{{ x | date("DD.MM.yyyy") }}',
            "de_DE",
            {"x": "2026-12-30"},
            'date("DD.MM.yyyy"): D means the day of the year',
        ),
        (
            '{{ x | date("TT.MM.JJJJ") }}',
            "de_DE",
            {"x": "2026-12-30"},
            'date("TT.MM.JJJJ"): J means nothing in a pattern',
        ),
        (
            '{{ x | date("%d.%m.%Y") }}',
            "de_DE",
            {"x": "2026-12-30"},
            'date("%d.%m.%Y"): %d and its like are no pattern',
        ),
        (
            '{{ x | date("HH:mm") }}',
            "de_DE",
            {"x": "2026-12-30"},
            'date("HH:mm") shows a time, and x: "2026-12-30" has none',
        ),
        ("{{ x | number }}", "de_DE", {"x": "1", "lang": "klingon!"}, 'lang: "klingon!" is not a locale'),
        ('{{ x | money("€") }}', "de_DE", {"x": "1"}, '"€" is not a currency'),
        ("{{ y | number }}", "de_DE", {"x": "1"}, 'nothing is called "y"'),
    ],
)
def test_what_cannot_be_read_names_its_cell_and_its_line(
    tmp_path: Path, template: str, locale: str | None, row: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RowError) as error:
        written(tmp_path, template, locale, **row)
    assert f"templates/a.txt, line 1: {sentence}" in str(error.value)
