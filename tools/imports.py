"""The import arrows of the package: every import counts, also one inside a function or for types alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGE = "mailrunner"

Arrows = dict[str, set[str]]  # from each module or room to those it imports


def modules() -> Arrows:
    """The modules of the package by their dotted names, each with the modules that it imports."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}


def children(arrows: Mapping[str, Iterable[str]], package: str) -> Arrows:
    """The arrows between the direct children of one package; its own `__init__` is called after it."""

    def child(module: str) -> str | None:
        if module == package:
            return package
        if not module.startswith(f"{package}."):
            return None
        return module[len(package) + 1 :].partition(".")[0]

    found: Arrows = {}
    for module, imported in arrows.items():
        start = child(module)
        if start is not None:
            ends = {end for end in map(child, imported) if end is not None}
            found.setdefault(start, set()).update(ends - {start})
    return found


def reachable(arrows: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """All that `start` imports, directly or through others; `start` itself only if it is in a circle."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for end in arrows.get(waiting.pop(), ()):
            if end not in seen:
                seen.add(end)
                waiting.append(end)
    return seen


def circles(arrows: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """The sets of modules or rooms that import each other in a circle."""
    inside = {name: reachable(arrows, name) for name in arrows}
    groups = {frozenset(other for other in inside[name] if name in inside.get(other, ())) for name in arrows}
    return [set(group) for group in sorted(groups, key=sorted) if group]


def needed(arrows: Arrows) -> Arrows:
    """The arrows that no longer way implies (the transitive reduction of a graph without circles)."""
    return {
        start: {end for end in ends if not any(end in reachable(arrows, way) for way in ends - {end})}
        for start, ends in arrows.items()
    }


def layers() -> list[list[str]]:
    """The rooms from the top floor down, as import-linter holds them (pyproject.toml)."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layered,) = (one for one in contracts if one["type"] == "layers" and PACKAGE in one["containers"])
    return [[room.strip() for room in layer.split("|")] for layer in layered["layers"]]
