"""Where a ledger should not lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailrunner.store.location_check import location_warning, rights_warning


@pytest.mark.parametrize("folder", ["Dropbox", "OneDrive - Club", "Google Drive", "Nextcloud"])
def test_a_synchronised_folder_is_warned_of(tmp_path: Path, folder: str) -> None:
    ledger = tmp_path / folder / "club" / "mailrunner.db"
    ledger.parent.mkdir(parents=True)
    warning = location_warning(ledger)
    assert warning is not None and folder in warning


def test_a_local_folder_is_fine(tmp_path: Path) -> None:
    assert location_warning(tmp_path / "mailrunner.db") is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.parametrize(
    ("rights", "is_said"), [(0o600, False), (0o660, False), (0o644, True), (0o640, True), (0o666, True)]
)
def test_a_ledger_that_others_may_read_is_warned_of(tmp_path: Path, rights: int, is_said: bool) -> None:
    ledger = tmp_path / "our ledger.db"
    ledger.touch()
    ledger.chmod(rights)
    warning = rights_warning(ledger)
    assert (warning is not None) == is_said
    assert warning is None or f"chmod 600 '{ledger}'" in warning
    assert rights_warning(tmp_path / "none.db") is None
