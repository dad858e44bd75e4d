"""Each recipient gets one variant of the subject, always the same; the report tells them apart."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.variants import names_in, variant_of
from tests.support.campaigns import CampaignInProcess
from tests.support.commands import answered
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

VARIANTS = '[variants.a]\nsubject = "Hello {{ name }}"\n[variants.b]\nsubject = "{{ name }}!"\n'
ROWS = "email,name\n" + "".join(f"person{n}@example.org,Name {n}\n" for n in range(40))


def campaign(folder: Path, server: SmtpServer, variants: str = VARIANTS) -> CampaignInProcess:
    mailing = CampaignInProcess(folder, server).write(csv=ROWS)
    file = folder / "campaigns/spring.toml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("subject")]
    file.write_text("\n".join([*kept, "", variants]))
    return mailing


def subjects(mailing: CampaignInProcess) -> dict[str, str]:
    parsed = [(m.recipient, message_from_bytes(m.data, policy=default)) for m in mailing.server.accepted]
    return {recipient: str(message["Subject"]) for recipient, message in parsed}


def test_a_campaign_is_sent_and_reported_by_variant(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = campaign(tmp_path, server)
        checked = answered(tmp_path, "check", "spring")[1]["plan"]["variants"]
        assert sum(checked.values()) == 40 and min(checked.values()) >= 10
        assert answered(tmp_path, "run", "spring", "--limit", "15")[0] == 75
        file = tmp_path / "campaigns/spring.toml"
        file.write_text(file.read_text().replace("Hello", "Dear"))
        assert answered(tmp_path, "run", "spring")[0] == 78
        assert answered(tmp_path, "run", "spring", "--accept-changes")[0] == 0
        got = subjects(mailing)
    rows = list(csv.DictReader(io.StringIO(Project(tmp_path).mailrunner("report", "spring").stdout)))
    assert Counter(row["variant"] for row in rows) == checked
    for row in rows:
        assert got[row["address"]].endswith("!") is (row["variant"] == "b")
    report = json.loads(Project(tmp_path).mailrunner("report", "spring", "--format", "json").stdout)
    assert {one["variant"]: one["counts"]["sent"] for one in report["variants"]} == checked
    page = Project(tmp_path).mailrunner("report", "spring", "--format", "html").stdout
    assert "By variant" in page and f">{checked['a']}<" in page


def test_an_erased_recipient_is_in_no_variant(tmp_path: Path) -> None:
    with SmtpServer() as server:
        campaign(tmp_path, server).run()
    Project(tmp_path).mailrunner("suppress", "forget", "person3@example.org", "--yes")
    report = json.loads(Project(tmp_path).mailrunner("report", "spring", "--format", "json").stdout)
    assert sum(one["counts"]["sent"] for one in report["variants"]) == 39


def test_variants_stay_once_a_message_was_sent(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = campaign(tmp_path, server)
        assert answered(tmp_path, "run", "spring", "--limit", "1")[0] == 75
        campaign(tmp_path, server, VARIANTS.replace("variants.b", "variants.c"))
        code, answer = answered(tmp_path, "run", "spring", "--accept-changes")
        assert code == 78 and "keeps its variants" in answer["reason"]
        assert len(mailing.server.accepted) == 1


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        (VARIANTS[: VARIANTS.index("[variants.b]")], "one variant alone"),
        (VARIANTS.replace("{{ name }}!", "{{ nmae }}!"), "nmae"),
        (VARIANTS.replace("{{ name }}!", "{{ name"), "[variants.b] subject"),
        (VARIANTS.replace("{{ name }}!", " "), "is empty"),
        (VARIANTS.replace("variants.b", 'variants."b c"'), "is no name of a variant"),
        ("", "is missing"),
    ],
)
def test_what_is_wrong_with_variants_is_said(tmp_path: Path, variants: str, words: str) -> None:
    with SmtpServer() as server:
        campaign(tmp_path, server, variants)
    code, answer = answered(tmp_path, "run", "spring")
    assert code == 78
    assert words in json.dumps(answer["problems"])


def test_a_subject_beside_variants_is_a_contradiction(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=ROWS)
    file = tmp_path / "campaigns/spring.toml"
    file.write_text(file.read_text() + VARIANTS)
    assert "does not go together with [variants]" in answered(tmp_path, "check", "spring")[1]["reason"]


@given(st.text(min_size=1), st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=2, unique=True))
def test_a_further_variant_takes_recipients_and_moves_none(key: str, names: list[str]) -> None:
    before, after = variant_of(key, names[:-1], "spring"), variant_of(key, names, "spring")
    assert after in (before, names[-1])
    assert variant_of(key, names[::-1], "spring") == after


def test_the_names_are_those_of_the_stored_content() -> None:
    assert names_in(["[variants.b] subject", "[variants.a] subject", "[message] subject"]) == ("a", "b")
    assert variant_of("ana@example.org", (), "spring") == ""
