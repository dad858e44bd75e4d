"""What the campaign files of a project say, taken together, without asking whether each is sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailrunner.config.project import Project
from mailrunner.config.toml_file import read
from mailrunner.errors import UserError
from mailrunner.model.suppression import list_key


def tables(project: Project) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every campaign file that can be read, and what stands in it."""
    for path in sorted(project.campaigns_dir.glob("*.toml")):
        try:
            yield path, read(path, path.name)
        except UserError:  # whoever uses the file is told
            continue


def ids(project: Project) -> set[str]:
    """The ids of all campaigns."""
    return {str(table.get("id", path.stem)) for path, table in tables(project)}


def list_names(project: Project) -> dict[str, str]:
    """The lists that campaigns are for, by key."""
    names = [table.get("list") for _, table in tables(project)]
    return {list_key(name): name for name in names if isinstance(name, str) and list_key(name)}


def recipient_files(project: Project) -> dict[Path, str]:
    """The files with people to be mailed, and the id of a campaign that mails them."""
    found: dict[Path, str] = {}
    for path, table in tables(project):
        recipients = table.get("recipients")
        for kind in ("csv", "xlsx", "parquet"):
            name = recipients.get(kind) if isinstance(recipients, dict) else None
            if isinstance(name, str):
                found.setdefault((project.folder / name).resolve(), str(table.get("id", path.stem)))
    return found
