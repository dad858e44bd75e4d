"""The command reference is what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main

from mailrunner.cli import commands
from mailrunner.cli.reference import WIDTH, reference

PAGE = Path(__file__).parents[2] / "docs/commands.md"


def groups(group: Any) -> list[Any]:
    """A group of commands and the groups in it."""
    return [
        group,
        *(
            inner
            for found in group.commands.values()
            if hasattr(found, "commands")
            for inner in groups(found)
        ),
    ]


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make commands"


def test_its_lines_are_short() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > WIDTH and not line.startswith("|")] == []


@pytest.mark.parametrize("group", groups(typer.main.get_command(commands())), ids=lambda group: group.name)
def test_every_command_has_a_panel_and_every_parameter_a_sentence(group: Any) -> None:
    for name, command in group.commands.items():
        assert command.rich_help_panel, name
        for parameter in command.params:
            if not hasattr(parameter, "is_eager") or not parameter.is_eager:
                assert parameter.help.rstrip().endswith("."), f"{name}: {parameter.name}"
                assert parameter.metavar or parameter.is_flag, f"{name}: {parameter.name}"


def test_the_panels_follow_the_way_of_a_campaign() -> None:
    panels = dict.fromkeys(c.rich_help_panel for c in typer.main.get_command(commands()).commands.values())  # type: ignore[attr-defined]
    assert list(panels) == ["Set up", "Before sending", "Send", "After sending", "List hygiene", "Services"]
