"""Which campaign a person means: an id or a path, also of a file that is broken or gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailrunner.campaign.campaign_file import find_campaign
from mailrunner.cli.context import CommandContext
from mailrunner.config.toml_file import read
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.store import CampaignRecord, Ledger


def campaign_record(session: CommandContext, ledger: Ledger, name: str) -> CampaignRecord | None:
    """What the ledger knows of the campaign `name`; None where its file is there but no run ever began.

    Raises UserError where neither the ledger nor a file knows it.
    """
    return ledger.campaigns.find(campaign_id(session, ledger, name))


def campaign_id(session: CommandContext, ledger: Ledger, name: str) -> str:
    """The id of the campaign `name`: by id in the ledger first, else by file; UserError if unknown."""
    records = ledger.campaigns.all()
    if any(record.id == name for record in records):
        return name
    try:
        path = find_campaign(session.project, name)
    except UserError as error:
        begun = _begun_from(session, _places(session, name), records)
        if begun is None:
            raise _unknown(session, name, records, error) from None
        return begun
    return _stated_id(path) or _begun_from(session, [path], records) or path.stem


def _places(session: CommandContext, name: str) -> list[Path]:
    """Where a campaign's file of that name was, if it was one."""
    file = name if name.endswith(".toml") else f"{name}.toml"
    return [place / file for place in (Path.cwd(), session.folder, session.project.campaigns_dir)]


def _begun_from(
    session: CommandContext, places: Sequence[Path], records: Sequence[CampaignRecord]
) -> str | None:
    """The id of the newest campaign that was begun from one of these files."""
    files = {place.resolve() for place in places}
    begun = (r.id for r in reversed(records) if (session.folder / r.file).resolve() in files)
    return next(begun, None)


def _stated_id(path: Path) -> str | None:
    """The file's own id, its stem where it names none; None where it cannot be read."""
    try:
        stated = read(path, path.name).get("id", path.stem)
    except UserError:
        return None
    return stated if isinstance(stated, str) else None


def _unknown(
    session: CommandContext, name: str, records: Sequence[CampaignRecord], error: UserError
) -> UserError:
    """The error for a name that nothing has, with the ids that there are."""
    files = session.project.campaigns_dir.glob("*.toml")
    known = {record.id for record in records} | {_stated_id(file) or file.stem for file in files}
    hint = did_you_mean(Path(name).stem, sorted(known))
    if name in known or not hint:
        return error  # it is there, but not alone; or there is nothing to propose
    return UserError(Problem(f'there is no campaign "{name}"', hint=hint))
