"""Campaign files of the project in tests/campaign/conftest.py: written, read, and their problems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mailrunner.campaign.campaign_file import Campaign, load_campaign
from mailrunner.errors import Problem, UserError
from tests.support.projects import Project

PROJECT = """
[accounts.relay]
provider = "smtp"
host = "127.0.0.1"
port = 2525
tls = "none"
[accounts.gmail]
provider = "gmail"
user = "ana@gmail.com"
password = "${GMAIL_APP_PASSWORD}"
"""


HEAD = 'account = "relay"\nlist = "Club news"\n'


MESSAGE = (
    '[message]\nfrom = "Ana Pop <ana@example.org>"\nsubject = "Hi {{ first_name }}"\nhtml = "spring.html"\n'
)


RECIPIENTS = '[recipients]\ncsv = "data/list.csv"\n'


SPRING = HEAD + MESSAGE + RECIPIENTS


def write_campaign(folder: Path, text: str, name: str = "spring") -> Path:
    """Write campaigns/`name`.toml; return its path."""
    return Project(folder).put(f"campaigns/{name}.toml", text)


def campaign_of(
    folder: Path, text: str, name: str = "spring", environ: Mapping[str, str] | None = None
) -> Campaign:
    """The campaign of a file with this text."""
    return load_campaign(folder, str(write_campaign(folder, text, name)), environ or {})[1]


def campaign_problems(folder: Path, text: str, name: str = "spring") -> dict[str, Problem]:
    """The problems of a campaign file with this text, by key; there must be one."""
    with pytest.raises(UserError) as caught:
        campaign_of(folder, text, name)
    assert all(problem.file == f"campaigns/{name}.toml" for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}
