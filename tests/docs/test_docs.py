"""The documents say what is true now."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from mailrunner import cli
from mailrunner.model.delivery import State
from mailrunner.store import Phase

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def table_words(page: str, heading: str) -> set[str]:
    """The words in `code` in the first column of the table under a heading."""
    text = (DOCS / page).read_text(encoding="utf-8").split(heading, 1)[1]
    table = re.split(r"\n(?!\|)\S", text.split("\n|---", 1)[1], maxsplit=1)[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))


def test_the_states_of_a_delivery_are_those_of_the_page() -> None:
    assert table_words("states.md", "# States of a delivery") == {state.value for state in State}


def test_the_phases_of_a_campaign_are_those_of_the_page() -> None:
    assert table_words("states.md", "## Campaigns") == {phase.value for phase in Phase}


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http:", "https:", "mailto:")):
                assert (page.parent / target).exists(), f"{page.name} → {target}"


def names_of(group: object, prefix: str = "") -> set[str]:
    """All commands of the program, sub-commands with their group's name."""
    found = set()
    for name, command in getattr(group, "commands", {}).items():
        inner = names_of(command, f"{prefix}{name} ")
        found |= inner or {f"{prefix}{name}"}
    return found


def test_every_command_has_help_and_stands_in_the_readme() -> None:
    group = typer.main.get_command(cli.commands())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in names_of(group):
        command = group
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        assert command.help, f"{name} has no help"
        assert f"`{name}" in readme or f"mailrunner {name}" in readme, f"{name} is not in the README"
