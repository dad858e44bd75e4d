"""Makes mailrunner/data/caniemail/support.json anew from the npm package that brings the data along.

    make caniemail

Of each client the verdict of its newest version is kept; notes are kept where a reader may see them.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

PACKAGE = "caniemail@2.0.2"
DATA = Path(__file__).parents[1] / "mailrunner" / "data" / "caniemail"
_NOTE = re.compile(r"#(\d+)")


def main() -> None:
    """Fetch the package and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extract("package/data/caniemail.json", folder, filter="data")
        given = json.loads((Path(folder) / "package/data/caniemail.json").read_text("utf-8"))
    weighed = tomllib.loads((DATA / "weight.toml").read_text("utf-8"))
    made = slim(given, noted={*weighed["breaks"], *weighed["fades"]})
    text = json.dumps(made, ensure_ascii=False, indent=0, sort_keys=True)
    (DATA / "support.json").write_text(text + "\n", "utf-8")
    print(f"{len(made['features'])} features, as of {made['as_of']}, {len(text):,} bytes")


def slim(given: dict[str, Any], *, noted: set[str]) -> dict[str, Any]:
    """What is needed of the whole: for each feature its title and a character for each client.

    The characters are y (yes), a (in part), n (no), u (not known) and - (not tested).
    """
    pairs = {
        (family, platform)
        for feature in given["data"]
        for family, platforms in feature["stats"].items()
        for platform in platforms
    }
    clients = sorted(f"{family}.{platform}" for family, platform in pairs)
    return {
        "as_of": given["last_update_date"][:10],
        "clients": clients,
        "features": {
            feature["slug"]: _feature(feature, clients, with_notes=feature["slug"] in noted)
            for feature in given["data"]
        },
    }


def _feature(feature: dict[str, Any], clients: list[str], *, with_notes: bool) -> dict[str, Any]:
    newest = {
        f"{family}.{platform}": list(versions.values())[-1]
        for family, platforms in feature["stats"].items()
        for platform, versions in platforms.items()
        if versions
    }
    verdicts = "".join(newest.get(client, "-")[0] for client in clients)
    found: dict[str, Any] = {"title": feature["title"].strip(), "verdicts": verdicts}
    if with_notes:
        partial = {
            client: [feature["notes_by_num"][number] for number in _NOTE.findall(verdict)]
            for client, verdict in newest.items()
            if verdict.startswith("a") and feature["notes_by_num"]
        }
        found["notes"] = {client: notes for client, notes in partial.items() if notes}
    return found


if __name__ == "__main__":
    main()
