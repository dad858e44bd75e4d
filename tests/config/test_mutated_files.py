"""The two files that a user writes, mutated: a project or an error with a sentence, and never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.errors import UserError
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

UNUSUAL = st.one_of(
    st.sampled_from(
        (Path(__file__).parents[1] / "data" / "hostile_corpus" / "toml_values.txt").read_text().splitlines()
    ),
    st.sampled_from(["1" * 5000, '"' + "a" * 5000 + '"', "[" * 3000]),
    st.text("\"'[]{}=.,#\\\n\t\0 a1", max_size=8),
)


def mutated(text: str, data: st.DataObject) -> bytes:
    """The file with one thing changed: a value, a line, or some bytes."""
    lines = text.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    key, equals, _ = lines[place].partition(" = ")
    match data.draw(st.integers(0, 3)):
        case 0 if equals:
            lines[place] = f"{key} = {data.draw(UNUSUAL)}"
        case 1:
            lines.insert(place, f"{data.draw(st.sampled_from(['id', 'limits', 'x', '[send', '[x.y]']))} = 1")
        case 2:
            del lines[place]
        case _:
            octets = text.encode()
            at = data.draw(st.integers(0, len(octets)))
            return (
                octets[:at] + data.draw(st.binary(max_size=4)) + octets[at + data.draw(st.integers(0, 3)) :]
            )
    return "\n".join(lines).encode()


RICH: dict[str, Any] = {
    "project": 'database = "sqlite:///data/mailrunner.db"\n[unsubscribe]\n'
    'base_url = "https://news.example.org"\nmailto = "u@example.org"\nsecret = "s3cret"\n'
    '[lists.club]\nlist_id = "club.example.org"\nformerly = ["Old"]',
    "account": 'user = "ana@example.org"\npassword = "pw"\nreserve = 1\ntimezone = "Europe/Bucharest"\n'
    'return_path = "bounce+{token}@example.org"\nmessages_per_connection = 9\nca_file = "ca.pem"',
    "head": 'id = "spring"\nkind = "bulk"',
    "message": 'reply_to = "office@example.org"\ntext = "letter.txt"\nattachments = ["data/programme.txt"]\n'
    'headers = { X-Campaign = "spring" }\nvars = { city = "Cluj" }',
    "recipients": 'email = "email"\nname = "name"\nencoding = "utf-8"\ndelimiter = ","\n'
    'defaults = { name = "1" }\ntypes = { name = "int" }\nwhere = "email != \'\'"',
    "send": 'start = 2026-12-01T08:00:00+02:00\nwindow = "Mon-Fri 08:00-20:00 Europe/Bucharest"\n'
    'per_second = 1\ngive_up_after = "48h"\non_in_doubt = "hold"\nstop_if_failing = "10%"',
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every key is set, and which loads."""
    folder = tmp_path_factory.mktemp("rich")
    CampaignInProcess(folder, SmtpServer()).write(csv=people(3), limits='"5/24h"', **RICH)
    (folder / "templates" / "letter.txt").write_text("Hello {{ name }} {{ unsubscribe_url }}")
    (folder / "data" / "programme.txt").write_text("What there is to see")
    (folder / "ca.pem").write_text("no certificate, and not looked at here")
    PreparedCampaign.prepare(*load_campaign(folder, "spring", {}))
    return folder


@given(data=st.data())
@settings(max_examples=250, deadline=None)
@pytest.mark.parametrize("name", ["mailrunner.toml", "campaigns/spring.toml"])
def test_any_change_to_a_file_is_a_project_or_an_error(rich: Path, name: str, data: st.DataObject) -> None:
    file = rich / name
    sound = file.read_bytes()
    file.write_bytes(mutated(sound.decode(), data))
    try:
        PreparedCampaign.prepare(*load_campaign(rich, "spring", {"HOME": "/root"}))
    except UserError as error:
        assert error.problems and all(problem.message for problem in error.problems)
    finally:
        file.write_bytes(sound)


@pytest.mark.parametrize("name", ["mailrunner.toml", "campaigns/spring.toml", "campaigns/other.toml"])
@pytest.mark.parametrize(
    "path",
    ["\\u0000", "data/\\u0000.csv", "x" * 5000, "loop/people.csv"],
    ids=["NUL", "NUL in it", "long", "loop"],
)
def test_a_path_that_no_file_can_have_is_a_problem_or_no_file(rich: Path, name: str, path: str) -> None:
    loop = rich / "loop"
    if not loop.is_symlink():
        loop.symlink_to(loop)
    file = rich / name
    before = file.read_text() if file.exists() else None
    table = "database" if name == "mailrunner.toml" else "[recipients]\ncsv"
    file.write_text(f'{table} = "sqlite:///{path}"\n' if table == "database" else f'{table} = "{path}"\n')
    try:
        try:
            PreparedCampaign.prepare(*load_campaign(rich, "spring", {"HOME": "/root"}))
        except UserError as error:
            assert error.problems and all(problem.message for problem in error.problems)
    finally:
        file.unlink() if before is None else file.write_text(before)
