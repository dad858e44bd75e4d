"""The documents say what is true now."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

import mailrunner
from mailrunner import cli
from mailrunner.model.delivery import State
from mailrunner.store import Phase

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = Path(mailrunner.__file__).parent
PAGES = (*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md")), ROOT / "tests" / "README.md")


def in_tree(path: Path) -> Path:
    """A path of the tree; what stands in `mailrunner/` is looked for where the package is installed."""
    inside = path.resolve().relative_to(ROOT)
    return PACKAGE.parent / inside if inside.parts[:1] == ("mailrunner",) else path


# Folders that appear only when something ran, or that belong to a user's project.
_MADE = (
    "previews/",
    "build/",
    ".venv/",
    "campaigns/",
    "templates/",
    "data/",
    "club/",
    "demo/",
    ".mailrunner/",
)


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
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http:", "https:", "mailto:")):
                assert in_tree(page.parent / target).exists(), f"{page.name} → {target}"


def test_every_file_that_a_page_names_exists() -> None:
    """In `code`: paths of files and folders, relative to the package, the project or the page."""
    missing = []
    for page in set(PAGES) - {ROOT / "CHANGELOG.md"}:
        for name in re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.(?:py|toml|md|html))?)`", page.read_text("utf-8")):
            places = (PACKAGE / name, PACKAGE.parent / name, ROOT / name, page.parent / name)
            if not any(place.exists() for place in places) and not name.startswith(_MADE):
                missing.append(f"{page.name}: {name}")
    assert sorted(missing) == []


def test_every_module_that_a_page_names_without_its_folder_exists() -> None:
    """In the tables of architecture.md a second file of a folder stands without it."""
    known = {path.name for top in ("tests", "tools", "bench") for path in (ROOT / top).rglob("*.py")}
    known |= {path.name for path in PACKAGE.rglob("*.py")}
    named = {page.name: set(re.findall(r"`(\w+\.py)`", page.read_text("utf-8"))) for page in PAGES}
    assert {page: names - known for page, names in named.items() if names - known} == {}


def blank(block: re.Match[str]) -> str:
    """As many empty lines."""
    return "\n" * block[0].count("\n")


def test_the_lines_of_the_pages_end_before_column_100() -> None:
    """Tables, code and addresses apart."""
    long = []
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```", blank, page.read_text("utf-8"), flags=re.M | re.S)
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > 100 and not line.startswith("|") and "https://" not in line:
                long.append(f"{page.name}:{number}")
    assert long == []


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
