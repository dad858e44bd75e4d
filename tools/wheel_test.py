"""Build the wheel once and run the fast tests against it, without the source tree and development tools.

Each Python gets an environment of its own under build/wheel-test/.  First it holds the wheel and
requirements.lock alone, and the program has to start and send its demonstration; then come the packages
of requirements-test.lock, and the tests run from a copy of all tracked files but `mailrunner/`.
Structure and wheel themselves (tests/house) are tested in the source tree only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.pythons import Interpreter, installed, promised

ROOT = Path(__file__).parents[1]
DIST = ROOT / "build" / "dist"
HOME = ROOT / "build" / "wheel-test"

# Ours would be found instead of the wheel's, or would bring options that the tests do not expect.
_NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS")


class Environment:
    """A virtual environment of one Python, and the folder from which its tests run."""

    def __init__(self, interpreter: Interpreter, home: Path) -> None:
        self.folder = home / str(interpreter)
        self.tree = self.folder / "tree"
        self._venv = self.folder / "venv"
        shutil.rmtree(self.folder, ignore_errors=True)
        subprocess.run([interpreter.path, "-m", "venv", self._venv], check=True)

    def run(self, *words: str | Path) -> None:
        """Run one of the environment's programs in the tree; raises CalledProcessError."""
        environ = {key: value for key, value in os.environ.items() if key not in _NOT_PASSED_ON}
        scripts = self._venv / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([scripts / words[0], *words[1:]], cwd=self.tree, env=environ, check=True)

    def install(self, *words: str | Path) -> None:
        """Install by pip."""
        self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words)


def build() -> Path:
    """Make sdist and, from that, the wheel; return the wheel's path in build/dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (wheel,) = DIST.glob("*.whl")
    return wheel


def copy_without_package(tree: Path) -> None:
    """Copy every tracked file that is not the package itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith("mailrunner/") and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def check_wheel(wheel: Path, interpreter: Interpreter, tests: Sequence[str]) -> None:
    """Try one wheel on one Python; raises CalledProcessError where it fails."""
    environment = Environment(interpreter, HOME)
    environment.tree.mkdir()
    environment.install("--no-deps", "--require-hashes", "-r", ROOT / "requirements.lock")
    environment.install("--no-deps", wheel)
    environment.run("python", "-m", "pip", "check")
    environment.run("mailrunner", "--version")
    environment.run("mailrunner", "--quiet", "demo", environment.folder / "demo")
    environment.install("--no-deps", "--require-hashes", "-r", ROOT / "requirements-test.lock")
    copy_without_package(environment.tree)
    environment.run(
        "python", "-m", "pytest", "-n", "auto", "--dist", "worksteal", "-m", "not slow",
        "--ignore=tests/house", *tests
    )  # fmt: skip


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="tools.wheel_test", description=__doc__)
    parser.add_argument("--every-python", action="store_true", help="not only the Python that runs this")
    parser.add_argument("tests", nargs="*", help="test files or folders; all the fast tests without")
    options = parser.parse_args()
    own = Interpreter(sys.version_info[:3], Path(sys.executable))
    interpreters = installed() if options.every_python else [own]
    wheel = build()
    failed = [one for one in interpreters if not _passes(wheel, one, options.tests)]
    _report(interpreters, failed, every=options.every_python)
    return 1 if failed else 0


def _passes(wheel: Path, interpreter: Interpreter, tests: Sequence[str]) -> bool:
    print(f"{wheel.name} on Python {interpreter}", flush=True)
    try:
        check_wheel(wheel, interpreter, tests)
    except subprocess.CalledProcessError as error:
        print(f"FAILED on Python {interpreter}: {' '.join(map(str, error.cmd))}", flush=True)
        return False
    return True


def _report(tried: Sequence[Interpreter], failed: Sequence[Interpreter], *, every: bool) -> None:
    for interpreter in tried:
        print(f"  Python {interpreter}: {'FAILED' if interpreter in failed else 'passed'}")
    if every:
        missing = set(promised(ROOT / "pyproject.toml")) - {one.minor for one in tried}
        for major, minor in sorted(missing):
            print(f"  Python {major}.{minor}: NOT TRIED, this machine has none")


if __name__ == "__main__":
    sys.exit(main())
