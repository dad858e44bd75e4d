"""Exports of other mailing systems: recognised by their columns, each person for the right reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.model.suppression import Pseudonyms
from mailrunner.suppression.import_file import ImportFormat, SuppressionFile
from tests.support.projects import Project
from tests.support.suppression import entries, import_text

NO_PSEUDONYMS = Pseudonyms.of_ledger("none")

MAILCHIMP_UNSUBSCRIBED = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,LAST_CHANGED,LEID,EUID,NOTES,TAGS,'
    "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER\n"
    "ana@example.org,Ana,2,x,,x,1,a1,,,2021-01-01 10:00:00,Spring,c1,NORMAL,\n"
    "bob@example.org,Bob,2,x,,x,2,a2,,,2021-01-01 10:00:00,Spring,c1,SPAM,\n"
)
MAILCHIMP_CLEANED = (
    '"Email Address","First Name",MEMBER_RATING,LEID,EUID,NOTES,TAGS,'
    "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID\n"
    "ana@example.org,Ana,1,1,a1,,,2021-01-01 10:00:00,Spring,c1\n"
)
MAILCHIMP_SUBSCRIBED = (
    '"Email Address","First Name",MEMBER_RATING,LEID,EUID,NOTES,TAGS\nana@example.org,Ana,2,1,a1,,\n'
)
SES_SUMMARIES = {
    "SuppressedDestinationSummaries": [
        {
            "EmailAddress": "ana@example.org",
            "Reason": "BOUNCE",
            "LastUpdateTime": "2026-01-01T10:00:00+00:00",
        },
        {"EmailAddress": "bob@example.org", "Reason": "COMPLAINT", "LastUpdateTime": 1767261600.0},
    ]
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).write()


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        (
            MAILCHIMP_UNSUBSCRIBED,
            "Mailchimp's unsubscribed contacts",
            [("ana@example.org", "unsubscribe"), ("bob@example.org", "complaint")],
        ),
        (MAILCHIMP_CLEANED, "Mailchimp's cleaned contacts", [("ana@example.org", "bounce")]),
        (
            "status,reason,email,created\n5.1.1,550 5.1.1 unknown,ana@example.org,1767261600\n",
            "SendGrid's bounces",
            [("ana@example.org", "bounce")],
        ),
        (
            "reason,email,created\nMail domain is unknown,ana@example.org,1767261600\n",
            "SendGrid's invalid addresses",
            [("ana@example.org", "bounce")],
        ),
        (
            "ip,email,created\n192.0.2.1,ana@example.org,1767261600\n",
            "SendGrid's spam reports",
            [("ana@example.org", "complaint")],
        ),
        (
            "email,created\nana@example.org,1767261600\n",
            "SendGrid's unsubscribes",
            [("ana@example.org", "unsubscribe")],
        ),
        (
            "EmailAddress,Reason,LastUpdateTime\nana@example.org,BOUNCE,x\nbob@example.org,COMPLAINT,x\n",
            "the suppression list of an SES account",
            [("ana@example.org", "bounce"), ("bob@example.org", "complaint")],
        ),
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            "u1,ana@example.org,Ana,{},blocklisted,x,x\nu2,bob@example.org,Bob,{},enabled,x,x\n"
            "u3,eve@example.org,Eve,{},unsubscribed,x,x\n",
            "listmonk's subscribers",
            [("ana@example.org", "manual"), ("eve@example.org", "unsubscribe")],
        ),
    ],
)
def test_an_export_is_recognised_and_its_reasons_are_kept(
    project: Project, text: str, title: str, found: list[tuple[str, str]]
) -> None:
    answer = import_text(project, text, "--list", "Club news")

    assert answer.code == 0, answer.stderr
    assert f"read as {title}" in answer.stderr
    assert entries(project) == [(address, "club news", reason) for address, reason in found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("left.json", json.dumps(SES_SUMMARIES)),
        ("left.json", json.dumps(SES_SUMMARIES, indent=2)),
        ("left.JSON", json.dumps(SES_SUMMARIES["SuppressedDestinationSummaries"])),
        (
            "left.jsonl",
            '{"emailAddress": "ana@example.org", "reason": "BOUNCE"}\n\n'
            '{"emailAddress": "bob@example.org", "reason": "COMPLAINT"}\n',
        ),
    ],
)
def test_the_list_of_an_ses_account_is_read_as_json(project: Project, name: str, text: str) -> None:
    answer = import_text(project, text, name=name)

    assert answer.code == 0, answer.stderr
    assert entries(project) == [("ana@example.org", "", "bounce"), ("bob@example.org", "", "complaint")]


def test_one_line_of_json_is_one_entry(project: Project) -> None:
    assert (
        import_text(project, '{"emailAddress": "ana@example.org", "reason": "BOUNCE"}', name="a.json").code
        == 0
    )
    assert entries(project) == [("ana@example.org", "", "bounce")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps({**SES_SUMMARIES, "NextToken": "abc"}), "only the first part"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("5", "is not a suppression list of SES"),
        ('[{"Reason": "BOUNCE"}]', "entry 1 has no emailaddress"),
        ('[{"EmailAddress": 5, "Reason": "BOUNCE"}]', "entry 1 has no emailaddress"),
        ('["ana@example.org"]', "entry 1 has no emailaddress"),
        ('[{"EmailAddress": "a@example.org", "Reason": "WHIM"}]', 'there is no reason "whim"'),
    ],
)
def test_json_that_is_something_else_is_explained(project: Project, text: str, sentence: str) -> None:
    answer = import_text(project, text, name="left.json")

    assert answer.code == 78
    assert sentence in answer.stderr
    assert entries(project) == []


def test_recipients_that_are_mailed_are_left_out_and_counted(project: Project) -> None:
    answer = import_text(
        project, "uuid,email,status\n1,ana@example.org,enabled\n2,bob@example.org,blocklisted\n"
    )

    assert "1 address, " in answer.stderr
    assert "1 is subscribed, as the file says: left out" in answer.stderr


def test_an_export_of_subscribers_is_not_taken_for_one_of_unsubscribed_contacts(project: Project) -> None:
    answer = import_text(project, MAILCHIMP_SUBSCRIBED, "--yes")

    assert answer.code == 78
    assert "Mailchimp's subscribed contacts" in answer.stderr
    assert entries(project) == []
    assert import_text(project, MAILCHIMP_SUBSCRIBED, "--yes", "--as", "plain").code == 0


def test_the_reason_of_the_command_beats_the_files(project: Project) -> None:
    import_text(project, MAILCHIMP_UNSUBSCRIBED, "--reason", "manual")

    assert {reason for _, _, reason in entries(project)} == {"manual"}


def test_an_unknown_status_is_a_mistake_of_the_file(project: Project) -> None:
    answer = import_text(project, "uuid,email,status\n1,ana@example.org,asleep\n")

    assert answer.code == 78
    assert 'line 2: there is no status "asleep"' in answer.stderr


def test_a_form_may_be_demanded(project: Project) -> None:
    answer = import_text(project, "email,x\nana@example.org,1\n", "--as", "listmonk")

    assert answer.code == 78
    assert "is not an export of listmonk" in answer.stderr
    assert '"email", "status" and "uuid"' in answer.stderr
    assert entries(project) == []


@pytest.mark.parametrize("words", [("--as", "plain"), ("--column", "email")])
def test_a_file_that_only_looks_like_an_export_may_be_plain(project: Project, words: tuple[str, ...]) -> None:
    assert import_text(project, "email,created\nana@example.org,x\n", *words).code == 0
    assert entries(project) == [("ana@example.org", "", "import")]


def test_every_format_can_be_recognised_and_no_plain_file_is(tmp_path: Path) -> None:
    path = tmp_path / "left.csv"
    path.write_text("email,name\nana@example.org,Ana\n", "utf-8")
    assert SuppressionFile.open(path, column=None, pseudonyms=NO_PSEUDONYMS).title == ""
    for wanted in ImportFormat:
        if wanted is not ImportFormat.PLAIN:
            with pytest.raises(UserError, match="is not an export"):
                SuppressionFile.open(path, column=None, pseudonyms=NO_PSEUDONYMS, wanted=wanted)


def test_an_archive_is_to_be_unpacked_first(project: Project) -> None:
    answer = import_text(project, "PK", name="left.zip")

    assert answer.code == 78
    assert "unpack it" in answer.stderr


def test_domains_in_a_file_are_entries_too(project: Project) -> None:
    import_text(project, "@Example.org\nana@example.net\n", name="left.txt")

    assert [key for key, _, _ in entries(project)] == ["@example.org", "ana@example.net"]
