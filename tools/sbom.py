"""The bill of materials of a release: mailrunner and the versions of its lock file, as CycloneDX 1.6 in JSON.

    python -m tools.sbom        # build/dist/mailrunner-VERSION.cdx.json

Made from `requirements.lock`, which `make` installs and whose hashes pip compares; extras are named in
`pyproject.toml` and chosen by the user.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.project_version import declared_version

ROOT = Path(__file__).parents[1]


def write(root: Path, folder: Path) -> Path:
    """Write the bill into a folder, the same for the same lock file, and return its path."""
    path = folder / f"mailrunner-{declared_version(root)}.cdx.json"
    folder.mkdir(parents=True, exist_ok=True)
    made = (sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON")
    about = ("--pyproject", str(root / "pyproject.toml"), "--mc-type", "application")
    subprocess.run([*made, *about, "-o", str(path), str(root / "requirements.lock")], check=True)
    return path


if __name__ == "__main__":
    print(write(ROOT, ROOT / "build" / "dist"))
