"""What is particular to one delivery, made from what the ledger kept of its row."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.errors import RowError
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner, message_id, unsubscribe_mailto, unsubscribe_url
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.projects import Project

SIGNER = TokenSigner((b"the key in use", b"the oldest key"))
WAYS_OUT = """
[unsubscribe]
base_url = "https://news.example.org/mail/"
mailto = "leave+us@example.org"
"""


def letters(folder: Path, *, extra: str = "", columns: tuple[str, ...] = ("email", "name")) -> MessageFactory:
    project = Project(folder).write(rows=["ana@example.org,Ana"])
    file = folder / "mailrunner.toml"
    file.write_text(file.read_text(encoding="utf-8") + extra, encoding="utf-8")
    job = PreparedCampaign.prepare(*load_campaign(project.folder, "spring", {}))
    return MessageFactory(job, columns=columns, signer=SIGNER, domain="example.org")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(number=st.integers(0, 2**63 - 1))
@pytest.mark.parametrize("extra", ["", WAYS_OUT])
def test_the_ways_out_are_those_that_the_links_are_made_of(tmp_path: Path, extra: str, number: int) -> None:
    maker = letters(tmp_path, extra=extra)
    letter, token = maker.fields(number, "ana@example.org", ("ana@example.org", "Ana")), SIGNER.token
    leave = token(UNSUBSCRIBE, number)
    expected: tuple[str, ...] = (
        unsubscribe_mailto("leave+us@example.org" if extra else "ana@example.org", leave),
    )
    if extra:
        expected = (unsubscribe_url("https://news.example.org/mail/", leave), *expected)
    assert letter.list_unsubscribe == expected
    assert (letter.unsubscribe_url, letter.one_click) == (expected[0], bool(extra))
    assert letter.message_id == message_id(SIGNER, number, "example.org")
    assert letter.message_id == f"<{letter.delivery_token}@example.org>"


def test_a_row_kept_before_a_column_was_added_has_empty_cells_there(tmp_path: Path) -> None:
    maker = letters(tmp_path, columns=("email", "name", "city"))
    context = maker.fields(1, "ana@example.org", ("ana@example.org", "Ana")).context
    assert (context["name"], context["city"]) == ("Ana", "")


def test_the_return_path_is_the_senders_own_without_verp(tmp_path: Path) -> None:
    letter = letters(tmp_path).fields(1, "bo@example.net", ("bo@example.net", "Bo"))
    assert letter.return_path == "ana@example.org"


def test_the_address_goes_on_the_wire_in_its_own_spelling(tmp_path: Path) -> None:
    maker = letters(tmp_path)
    assert maker.fields(1, "Bo@Example.NET", ("Bo@Example.NET", "Bo")).address == "Bo@example.net"


def test_an_address_that_is_none_is_a_fault_of_its_row(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="@-sign"):
        letters(tmp_path).fields(1, "bo", ("bo", "Bo"))
