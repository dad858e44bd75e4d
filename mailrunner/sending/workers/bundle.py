"""The files of a campaign packed for other machines, and a campaign prepared from them.

A worker's own folder has `mailrunner.toml` and the secrets.  Templates, images, attachments and the
campaign's file come from the bundle, recipients from the snapshot in the ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from mailrunner.campaign.campaign_file import read_campaign
from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError
from mailrunner.recipients.source import Row, Source
from mailrunner.rendering.private_files import PrivateFiles
from mailrunner.sending.prepared_campaign import PreparedCampaign, private_to
from mailrunner.store import CampaignRecord
from mailrunner.store.job_queue.bundles import Bundles

_PLACE = ".mailrunner/bundles"


class StoredList(Source):
    """The list of a campaign as it stands in the ledger: its columns; nothing is read again."""

    is_snapshot = True

    def __init__(self, record: CampaignRecord) -> None:
        super().__init__(f"the list of {record.id}")
        self._columns = record.columns

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    @property
    def first_row(self) -> int:
        return 2

    def fingerprint(self) -> str | None:
        return None

    def stat_mark(self) -> str | None:
        return None

    def _rows(self) -> Iterator[Row]:
        raise NotImplementedError("the rows of a snapshot are in the ledger")


def files_of(prepared: PreparedCampaign) -> dict[str, bytes]:
    """The files that the messages are made of, by their paths in the project; UserError if one is outside."""
    project, campaign = prepared.project, prepared.campaign
    folder, templates = project.folder, project.templates_dir
    paths = [*(folder / name for name in prepared.content()), *templates.rglob("*")]
    for entry in campaign.message.attachments:
        if chosen := entry.partition("{")[0].rpartition("/")[0] if "{" in entry else "":
            paths += (folder / chosen).rglob("*")  # a row chooses among them
    private = PrivateFiles(folder=folder, templates_dir=templates, named=private_to(project, campaign))
    files = dict(_file(campaign.file, folder))
    for path in paths:
        files |= {
            name: octets for name, octets in _file(path, folder) if not private.text_reason(path, octets)
        }
    if prepared.file not in files:
        hint = "move it into campaigns/, or run it without --workers"
        raise UserError(
            Problem("a campaign for workers lies in the project's folder", prepared.file, hint=hint)
        )
    return files


def _file(path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    """One file that lies in the project and is not hidden."""
    if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path.read_bytes()


def campaign_from(bundles: Bundles, project: Project, record: CampaignRecord) -> PreparedCampaign:
    """A campaign prepared from its bundle; UserError for what is wrong with it, or where it has none."""
    files = bundles.files(record.no)
    if not files:
        hint = f"hand it over where its files are: mailrunner run {record.id} --workers"
        raise UserError(Problem("its files are not in the ledger", record.file, hint=hint))
    inside = replace(project, folder=_unpacked(bundles, project.folder, files))
    campaign, account = read_campaign(inside, inside.folder / record.file)
    return PreparedCampaign.prepare(inside, campaign, account, stored_list=StoredList(record))


def _unpacked(bundles: Bundles, project: Path, files: dict[str, str]) -> Path:
    """A folder with the files; those that are there as they should be are used again.

    What was deleted or damaged meanwhile, or not written to its end, is written anew.
    """
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    folder = project / _PLACE / digest[:16]
    for name, each in files.items():
        if not _is_there(folder / name, each):
            _write(folder / name, bundles.octets(each), within=folder)
    return folder


def _is_there(path: Path, digest: str) -> bool:
    """True for a file with exactly these octets."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _write(path: Path, octets: bytes, *, within: Path) -> None:
    """Write one file, which no name leads out of the folder; another process may write the same."""
    if not path.resolve().is_relative_to(within.resolve()):
        raise UserError(
            Problem(f"{path.name} of the bundle leads out of its folder", hint="hand it over again")
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:  # for this user alone
        file.write(octets)
    Path(file.name).replace(path)
