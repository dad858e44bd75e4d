"""Header fields with what each is for."""

from __future__ import annotations

from pathlib import Path

from mailrunner.cli.context import CommandContext
from mailrunner.clock import SystemClock
from mailrunner.preview import Preview
from mailrunner.preview.header_fields import header_fields
from tests.support.projects import Project


def test_fields_are_as_they_are_sent_each_with_a_sentence_and_its_document() -> None:
    data = b"Subject: one\r\n two\r\nX-Club: yes: no\r\nlist-id: <a.b>\r\n\r\nSubject: body\r\n"
    subject, own, list_id = header_fields(data)
    assert (subject.name, subject.value, subject.source) == ("Subject", "one\n two", "RFC 5322 §3.6.5")
    assert (own.value, own.meaning, own.source) == ("yes: no", "A field of this campaign's own.", "")
    assert list_id.source == "RFC 2919"


def test_each_field_that_mailrunner_writes_is_explained(tmp_path: Path) -> None:
    project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
    text = (tmp_path / "mailrunner.toml").read_text()
    project.put("mailrunner.toml", f'[unsubscribe]\nbase_url = "https://news.example.org"\n{text}')
    campaign = tmp_path / "campaigns" / "spring.toml"
    campaign.write_text(campaign.read_text().replace("subject =", 'reply_to = "bo@example.org"\nsubject ='))
    context = CommandContext(project_dir=tmp_path, clock=SystemClock())
    prepared = context.prepare("spring")
    ((row,),) = prepared.recipients.chunks()
    fields = header_fields(Preview(prepared, now=context.clock.now()).message(row).data)
    assert {"From", "To", "Reply-To", "List-Unsubscribe-Post"} <= {field.name for field in fields}
    assert [field.name for field in fields if not field.source] == []
