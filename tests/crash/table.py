"""The outcome as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from tests.crash.books import Tally

_HEAD = (
    "| killed | campaigns | recipients | kills | restarts | accepted | duplicates | lost | in doubt "
    "| of these accepted |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
)


def table(rows: Mapping[str, Tally]) -> str:
    """One line a row, and their sum."""
    lines = [*_HEAD, *(_line(name, tally) for name, tally in rows.items())]
    if len(rows) > 1:
        lines.append(_line("**all**", sum(rows.values(), Tally())))
    return "\n".join(lines) + "\n"


def _line(name: str, tally: Tally) -> str:
    numbers = (
        tally.campaigns,
        tally.people,
        tally.kills,
        tally.restarts,
        tally.accepted,
        tally.duplicates,
        tally.lost,
        tally.in_doubt,
        tally.doubts_taken,
    )
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"
