"""The rules of the listing: one place for a name, no circle, small functions and files."""

from __future__ import annotations

import ast
import keyword
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mailrunner import cli
from tools.imports import PACKAGE, ROOT, children, circles, modules

SOURCE = ROOT / PACKAGE
TESTS = ROOT / "tests"

MOST_ENTRIES = 22  # directly in mailrunner/, py.typed apart
MOST_LINES = 450

# Folders of tests/ that are no room of the package.
APART = {"crash", "machines", "soak", "docs", "fuzz", "house", "servers", "support"}


def parsed(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def entries() -> set[str]:
    """What stands directly in mailrunner/."""
    return {path.name for path in SOURCE.iterdir() if not path.name.startswith("__pycache__")} - {"py.typed"}


def test_a_class_name_stands_in_one_module() -> None:
    places = defaultdict(list)
    for path, tree in parsed(SOURCE):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(modules()) == []


def test_no_room_imports_itself_by_way_of_others() -> None:
    """Neither the rooms of the package nor the modules and rooms inside each room."""
    arrows = modules()
    packages = {name for name in arrows if any(other.startswith(f"{name}.") for other in arrows)}
    found = {package: circles(children(arrows, package)) for package in sorted(packages)}
    assert {package: rings for package, rings in found.items() if rings} == {}


@pytest.mark.parametrize("room", ["model", "replies"])
def test_a_room_of_words_opens_no_file(room: str) -> None:
    """Neither by `open` nor by a method that paths have; import-linter holds `os` and `pathlib` out."""
    opened = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "chmod"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in parsed(SOURCE / room)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in opened
    ]
    assert found == []


def test_the_package_has_few_entries() -> None:
    assert len(entries()) <= MOST_ENTRIES, sorted(entries())


def commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each command by its full name ("suppress add"), and the module of its function."""
    for entry in group.registered_commands:
        assert entry.callback is not None
        yield f"{prefix}{entry.name}", entry.callback.__module__
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        name = inner.name or inner.typer_instance.info.name
        yield from commands(inner.typer_instance, f"{prefix}{name} ")


def module_of(command: str) -> str:
    """`send-test` → mailrunner.cli.send_test; of `import`, which no module can be called, the beginning."""
    words = [word.replace("-", "_") for word in command.split()]
    return ".".join(("mailrunner.cli", *words)) + ("_" if keyword.iskeyword(words[-1]) else "")


@pytest.mark.parametrize(("command", "module"), sorted(commands(cli.commands())))
def test_a_command_stands_in_the_file_of_its_name(command: str, module: str) -> None:
    expected = module_of(command)
    assert module == expected or (expected.endswith("_") and module.startswith(expected))


def test_every_test_file_stands_in_the_folder_of_a_room() -> None:
    rooms = {name.removesuffix(".py") for name in entries()} | APART
    paths = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    assert [str(path) for path in paths if path.parts[0] not in rooms or len(path.parts) < 2] == []


def lines_of_functions() -> list[int]:
    """The length of every function with its docstring, as it stands in the file."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, tree in parsed(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_short() -> None:
    lengths = lines_of_functions()
    assert statistics.median(lengths) < 10
    assert statistics.quantiles(lengths, n=10)[8] < 40


def test_files_are_short() -> None:
    lines = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in parsed(SOURCE)}
    assert {str(path): number for path, number in lines.items() if number > MOST_LINES} == {}


def test_a_module_and_a_class_open_with_the_name_of_their_thing() -> None:
    """Who looks for a bounce's reason finds "The reason of a bounce", not "What the words mean"."""
    opening = re.compile(r"(What|Who|Whether|Where|Which|How)\b")
    found = [
        f"{path}: {getattr(node, 'name', 'the module')}"
        for path, tree in parsed(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef) and opening.match(ast.get_docstring(node) or "")
    ]
    assert found == []
