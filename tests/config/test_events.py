"""[events]: how the events of each provider are authenticated."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from tests.support.project_toml import CANARY, GMAIL, project_of, project_problems

EVENTS = (
    """
[events.ses]
topics = ["arn:aws:sns:eu-west-1:123456789012:bounces"]
[events.mailgun]
secret = "key-canary-9f2c"
[events.postmark]
secret = "mailrunner:canary-9f2c"
[events.sendgrid]
public_key = """
    + f'"""-----BEGIN PUBLIC KEY-----\n{"MFkw" * 31}\n-----END PUBLIC KEY-----"""\n'
)


def test_events_are_read(tmp_path: Path) -> None:
    found = project_of(tmp_path, EVENTS).event_settings()

    assert sorted(found) == ["mailgun", "postmark", "sendgrid", "ses"]
    assert found["ses"].topics == ("arn:aws:sns:eu-west-1:123456789012:bounces",)
    assert found["mailgun"].signing_key is not None
    assert found["mailgun"].signing_key.get_secret_value() == f"key-{CANARY}"
    assert found["postmark"].login is not None
    assert found["postmark"].login.get_secret_value() == f"mailrunner:{CANARY}"
    assert found["sendgrid"].public_key == "MFkw" * 31


def test_secrets_of_events_are_never_shown(tmp_path: Path) -> None:
    found = project_of(tmp_path, EVENTS)

    assert CANARY not in repr(found) + repr(found.events)
    assert {f"key-{CANARY}", f"mailrunner:{CANARY}", CANARY} <= set(found.secrets())


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[events.mandrill]", "events.mandrill", "unknown key"),
        ("events = 5", "events", "must be a table"),
        ("[events]\nses = 5", "events.ses", "must be a table"),
        ("[events.ses]", "events.ses.topics", "missing"),
        ("[events.ses]\ntopics = []", "events.ses.topics", "names no topic"),
        ('[events.ses]\ntopics = ["bounces"]', "events.ses.topics[1]", '"bounces" is no SNS topic'),
        ('[events.mailgun]\nsecret = ""', "events.mailgun.secret", "empty"),
        (f'[events.postmark]\nsecret = "{CANARY}"', "events.postmark.secret", '"user:password"'),
        (f'[events.brevo]\nsecret = ":{CANARY}"', "events.brevo.secret", '"user:password"'),
        ("[events.sendgrid]", "events.sendgrid", "anyone could post events"),
        (f'[events.sendgrid]\npublic_key = "{CANARY}"', "events.sendgrid.public_key", "no public key"),
        (f'[events.brevo]\nsecret = "a:{CANARY}"\nkey = 1', "events.brevo.key", "unknown key"),
    ],
)
def test_mistakes_in_events_are_refused(tmp_path: Path, text: str, key: str, message: str) -> None:
    found = project_problems(tmp_path, text)

    assert message in str(found[key])
    assert not any(CANARY in str(problem) for problem in found.values())


def test_a_variable_of_events_that_is_not_set_hinders_serve_alone(tmp_path: Path) -> None:
    found = project_of(
        tmp_path, GMAIL + '[events.brevo]\nsecret = "${BREVO}"\n[events.mailgun]\nsecret = "key"\n'
    )

    assert found.account("gmail").name == "gmail"
    with pytest.raises(UserError) as caught:
        found.event_settings()
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("mailrunner.toml", "events.brevo.secret")
    assert "BREVO is not set" in problem.message
