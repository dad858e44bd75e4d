"""Builds the documentation site in build/site from README, docs/ and the code: `make docs`, offline.

The pages are those of the repository; links that leave docs/ are mended to where the pages stand here, and
a link to a file that is no page goes to a copy of it.  A link that leads nowhere ends the build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mailrunner.cli.man_page import man_page

ROOT = Path(__file__).parents[1]
SOURCE, SITE, MAN = ROOT / "build/site-pages", ROOT / "build/site", ROOT / "build/man/mailrunner.1"
_LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)#\s]+)")
_SCHEMAS = {
    "mailrunner.schema.json": "mailrunner.toml",
    "campaign.schema.json": "A campaign file, campaigns/NAME.toml",
}


def main() -> None:
    """Write the man page and the pages, and let MkDocs make the site."""
    MAN.parent.mkdir(parents=True, exist_ok=True)
    MAN.write_text(man_page(), encoding="utf-8")
    stage(SOURCE)
    done = build(ROOT / "mkdocs.yml", SITE)
    if done.returncode:
        sys.exit(done.stderr)
    print(f"{SITE.relative_to(ROOT)}/index.html and {MAN.relative_to(ROOT)}")


def build(settings: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let MkDocs make the site; it ends with an error, and names the link, where one leads nowhere.

    Without --quiet, which drops the warnings that --strict counts.
    """
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(settings)]
    return subprocess.run(
        [*words, "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def stage(folder: Path) -> None:
    """Write all pages into an empty `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        shutil.copy(ROOT / name, folder / ("index.md" if name == "README.md" else name))
    (folder / "keys.md").write_text(keys_page(), encoding="utf-8")
    for page in folder.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(_LINK.sub(lambda found: _target(folder, found[1]), text), encoding="utf-8")


def _target(folder: Path, link: str) -> str:
    """Where a link of the repository leads on the site."""
    name = re.sub(r"^(\.\./|docs/)+", "", link)
    if name == "README.md":
        return "index.md"
    if not (folder / name).exists() and (ROOT / name).is_file():
        copy = folder / "files" / f"{name}.txt"  # as text, be it a page: its own links lead elsewhere
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
        return copy.relative_to(folder).as_posix()
    return name


def keys_page() -> str:
    """The reference of all keys, from the JSON Schemas."""
    parts = ["# Keys of the files\n\nGenerated from the JSON Schemas in `mailrunner/data/`.\n"]
    for file, title in _SCHEMAS.items():
        schema = json.loads((ROOT / "mailrunner/data" / file).read_text(encoding="utf-8"))
        parts.append(f"## {title}\n")
        parts.append(_table(schema))
        parts += [f"### {name}\n\n{_table(inner)}" for name, inner in sorted(schema["$defs"].items())]
    return "\n".join(parts)


def _table(schema: dict[str, Any]) -> str:
    rows = [
        f"| `{key}` | {_kind(value)} | {_cell(value.get('description', ''))} |"
        for key, value in schema.get("properties", {}).items()
    ]
    about = _cell(schema.get("description", ""))
    return "\n".join([about, "", "| key | value | meaning |", "|---|---|---|", *rows, ""])


def _kind(value: dict[str, Any]) -> str:
    """What a value is, in few words."""
    if "$ref" in value:
        return f"table {value['$ref'].rpartition('/')[2]}"
    if "enum" in value:
        return ", ".join(f'`"{one}"`' for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"] if one.get("type") != "null")
    kind = value.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
