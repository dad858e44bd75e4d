"""The suppression list of a project or a ledger: entries, imports, and campaigns to try them on."""

from __future__ import annotations

import os

from sqlalchemy import select

from mailrunner.config.project import load_project
from mailrunner.store import CampaignRecord, Ledger, Phase, PlainSnapshotRow
from mailrunner.store.schema import metadata
from tests.support.clocks import ManualClock
from tests.support.projects import Answer, Project


def ledger_of(project: Project) -> Ledger:
    url = load_project(project.folder, os.environ).database_url
    return Ledger.open(folder=project.folder, url=url, clock=ManualClock())


def entries(project: Project) -> list[tuple[str, str, str]]:
    """The entries: key, list, reason."""
    with ledger_of(project) as ledger:
        return [(entry.key, entry.list_key, str(entry.reason)) for entry in ledger.suppressions]


def begin_campaign(
    ledger: Ledger,
    campaign: str,
    keys: list[str],
    *,
    list_key: str,
    list_name: str = "",
    kind: str = "bulk",
) -> CampaignRecord:
    """Let the ledger have a begun campaign whose snapshot holds `keys`."""
    values = {
        "id": campaign,
        "file": f"campaigns/{campaign}.toml",
        "account_no": ledger.accounts.ensure("127.0.0.1:2525").no,
        "account_name": "relay",
        "list_key": list_key,
        "list_name": list_name or list_key.capitalize(),
        "kind": kind,
        "content": "{}",
        "content_digest": "",
        "message_digest": campaign,
        "list_mark": "{}",
        "columns": '["email"]',
        "message_domain": "example.org",
    }
    begun = ledger.snapshots.begin(values, run_no=1)
    assert begun is not None
    lines = [PlainSnapshotRow(row, key, "", key, (key,)) for row, key in enumerate(keys, 2)]
    ledger.snapshots.add(begun.no, 0, lines, run_no=1)
    ledger.snapshots.finish(begun.no, run_no=1)
    assert ledger.campaigns.begin(begun.no, seen=Phase.READY)
    return begun


def import_text(project: Project, text: str, *words: str, name: str = "left.csv") -> Answer:
    return project.mailrunner("suppress", "import", str(project.put(name, text)), *words)


def all_text(ledger: Ledger) -> str:
    """All text of the ledger."""
    with ledger.database.read() as connection:
        return "\n".join(
            str(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )
