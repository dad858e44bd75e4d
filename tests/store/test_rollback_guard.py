"""The file beside mailrunner.toml that tells an older ledger."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailrunner.store import private_file, rollback_guard
from mailrunner.store.rollback_guard import LedgerMark, RollbackGuard
from tests.support.patience import PATIENCE


def test_two_threads_of_one_process_count_at_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, both = RollbackGuard(tmp_path, "sqlite:///a.db"), threading.Barrier(2)

    def write(path: Path, content: bytes) -> None:
        private_file.write(path, content)
        both.wait(PATIENCE)  # neither has put its file in place

    monkeypatch.setattr(rollback_guard, "write", write)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(guard.write, [LedgerMark("a", 1), LedgerMark("a", 2)]))
    seen = guard.read()
    assert seen is not None and seen.run_counter in (1, 2)
