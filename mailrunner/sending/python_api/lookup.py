"""The campaign that an argument means: an id or a path, also of a file that is broken or gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.project import Project
    from mailrunner.store import CampaignRecord, Ledger


def begun_campaign(project: Project, ledger: Ledger, name: str) -> CampaignRecord:
    """The campaign `name` in the ledger; raises UserError where no run has begun it."""
    record = campaign_record(project, ledger, name)
    if record is None:
        raise UserError(Problem(f"{name} was not begun yet", hint=f"to begin it: mailrunner run {name}"))
    return record


def only_campaign(project: Project) -> str:
    """The path of the project's one campaign file; raises UserError where there are none, or several."""
    files = sorted(project.campaigns_dir.glob("*.toml"))
    if len(files) == 1:
        return str(files[0].resolve())
    names = [_stated_id(file) or file.stem for file in files]
    hint = f"name one: {', '.join(names)}" if names else "create one with: mailrunner new NAME"
    message = f"there are {len(names)} campaigns" if names else "there is no campaign yet"
    raise UserError(Problem(message, hint=hint))


def campaign_record(project: Project, ledger: Ledger, name: str) -> CampaignRecord | None:
    """The ledger's record of the campaign `name`; None where its file is there but no run has begun it.

    Raises UserError where neither the ledger nor a file has it.
    """
    return ledger.campaigns.find(campaign_id(project, ledger, name))


def campaign_id(project: Project, ledger: Ledger, name: str) -> str:
    """The id of the campaign `name`: by id in the ledger first, else by file; UserError if unknown."""
    from mailrunner.campaign.campaign_file import find_campaign

    records = ledger.campaigns.all()
    if any(record.id == name for record in records):
        return name
    try:
        path = find_campaign(project, name)
    except UserError as error:
        begun = _begun_from(project, _possible_files(project, name), records)
        if begun is None:
            raise _unknown(project, name, records, error) from None
        return begun
    return _stated_id(path) or _begun_from(project, [path], records) or path.stem


def _possible_files(project: Project, name: str) -> list[Path]:
    """The paths that `name` can mean, for a file that may be gone."""
    file = name if name.endswith(".toml") else f"{name}.toml"
    return [place / file for place in (Path.cwd(), project.folder, project.campaigns_dir)]


def _begun_from(project: Project, places: Sequence[Path], records: Sequence[CampaignRecord]) -> str | None:
    """The id of the newest campaign that was begun from one of these files."""
    files = {place.resolve() for place in places}
    begun = (r.id for r in reversed(records) if (project.folder / r.file).resolve() in files)
    return next(begun, None)


def _stated_id(path: Path) -> str | None:
    """The `id` in the file, by default its stem; None where the file cannot be read."""
    from mailrunner.config.toml_file import read

    try:
        stated = read(path, path.name).get("id", path.stem)
    except UserError:
        return None
    return stated if isinstance(stated, str) else None


def _unknown(project: Project, name: str, records: Sequence[CampaignRecord], error: UserError) -> UserError:
    """The error for an unknown name, with the most similar of the known ids."""
    from mailrunner.errors import did_you_mean

    files = project.campaigns_dir.glob("*.toml")
    known = {record.id for record in records} | {_stated_id(file) or file.stem for file in files}
    hint = did_you_mean(Path(name).stem, sorted(known))
    if name in known or not hint:
        return error  # it is there, but not alone; or there is nothing to propose
    return UserError(Problem(f'there is no campaign "{name}"', hint=hint))
