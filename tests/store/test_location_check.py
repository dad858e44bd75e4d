"""Where a ledger should not lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.store.location_check import location_warning


@pytest.mark.parametrize("folder", ["Dropbox", "OneDrive - Club", "Google Drive", "Nextcloud"])
def test_a_synchronised_folder_is_warned_of(tmp_path: Path, folder: str) -> None:
    ledger = tmp_path / folder / "club" / "mailrunner.db"
    ledger.parent.mkdir(parents=True)
    warning = location_warning(ledger)
    assert warning is not None and folder in warning


def test_a_local_folder_is_fine(tmp_path: Path) -> None:
    assert location_warning(tmp_path / "mailrunner.db") is None
