"""Shell completion: the campaigns and accounts of the project in the current folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mailrunner.config.project import Project


def campaigns(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the campaign files that begin with what was typed."""
    return _completed(ctx, incomplete, _campaigns)


def accounts(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the accounts that begin with what was typed."""
    return _completed(ctx, incomplete, lambda project: iter(project.account_names))


def _completed(ctx: typer.Context, incomplete: str, names: Callable[[Project], Iterator[str]]) -> list[str]:
    """The names, of a project with faults too; none where there is no project: a shell shows no errors."""
    import os

    from mailrunner.config.project import find_project, read_project

    given = ctx.params.get("project") or ctx.find_root().params.get("project")
    try:
        project, _ = read_project(find_project(Path.cwd(), given), os.environ)
        return sorted(name for name in names(project) if name.startswith(incomplete))
    except Exception:  # whatever is wrong is said by the command
        return []


def _campaigns(project: Project) -> Iterator[str]:
    from mailrunner.campaign.folder import ids

    return iter(ids(project))
