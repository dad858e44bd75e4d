"""Check that the tree may be published, build it, and print what is left to do.  Uploads nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import mailrunner
from tools import sbom, wheel_test
from tools.project_version import declared_version

ROOT = Path(__file__).parents[1]

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+) — (.+)$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

_NEXT = """\
Built from {commit}:
  {files}

Left to do, by a maintainer:
  1. make matrix crash            on this commit, if that has not been done
  2. git tag -s v{version} -m "mailrunner {version}"
  3. git push origin v{version}
  4. publish the two archives above (twine upload), and the bill of materials (.cdx.json) with
     CHANGELOG.md's section as the text of the release
"""


def version_problems(root: Path) -> list[str]:
    """Complain where pyproject.toml, the package and CHANGELOG.md name different versions."""
    declared = declared_version(root)
    heading = _HEADING.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    problems = []
    if mailrunner.__version__ != declared:
        problems.append(f"mailrunner.__version__ is {mailrunner.__version__}, pyproject.toml says {declared}")
    if heading is None or heading[1] != declared:
        found = heading[1] if heading else "none"
        problems.append(f"the newest heading of CHANGELOG.md is {found}, pyproject.toml says {declared}")
    return problems


def date_problems(root: Path) -> list[str]:
    """Complain of a newest heading of CHANGELOG.md that does not end with a date."""
    heading = _HEADING.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    if heading and _DATE.fullmatch(heading[2]):
        return []
    return ["the newest heading of CHANGELOG.md has no date: write ## X.Y.Z — YYYY-MM-DD"]


def tree_problems(root: Path) -> list[str]:
    """What git knows against a release: changes that are not committed, a tag that exists."""
    problems = []
    if _git(root, "status", "--porcelain"):
        problems.append("the tree is not clean: commit or remove what `git status` shows")
    if _git(root, "tag", "--list", f"v{declared_version(root)}"):
        problems.append(f"the tag v{declared_version(root)} exists: raise the version")
    return problems


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> int:
    """Run from the command line; return the exit code."""
    problems = [*tree_problems(ROOT), *version_problems(ROOT), *date_problems(ROOT)]
    for problem in problems:
        print(f"not to be released: {problem}", file=sys.stderr)
    if problems:
        return 1
    wheel_test.build()
    sbom.write(ROOT, wheel_test.DIST)
    files = "\n  ".join(str(path.relative_to(ROOT)) for path in sorted(wheel_test.DIST.iterdir()))
    commit = _git(ROOT, "rev-parse", "--short", "HEAD")
    print(_NEXT.format(commit=commit, files=files, version=declared_version(ROOT)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
