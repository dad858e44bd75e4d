"""`mailrunner import`, and messages of each kind imported, checked, previewed and sent."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from tests.support.documents import google_zip, png, word_document
from tests.support.projects import Project, on_terminal, on_unix
from tests.support.smtp_server import SmtpServer

ROWS = ["ana@example.org,Ana,7,https://a.example/1", "bob@example.org,Bob,8,https://a.example/2"]


def project(folder: Path, port: int = 2525) -> Project:
    made = Project(folder)
    made.write(port=port)
    made.put(
        "data/spring.csv", "\n".join(("email,Vorname,Nummer,link,name", *(f"{row},N" for row in ROWS), ""))
    )
    return made


def bodies(server: SmtpServer) -> dict[str, email.message.EmailMessage]:
    found = {}
    for message in server.accepted:
        parsed = email.message_from_bytes(message.data, policy=email.policy.default)
        assert isinstance(parsed, email.message.EmailMessage)
        found[message.recipients[0]] = parsed
    return found


def sent(made: Project, server: SmtpServer) -> dict[str, email.message.EmailMessage]:
    """Check, preview and run the campaign."""
    checked = made.mailrunner("check", "spring")
    assert checked.code == 0, checked.stdout + checked.stderr
    previewed = made.mailrunner("preview", "spring")
    assert previewed.code == 0, previewed.stderr
    run = made.mailrunner("run", "spring", "--yes")
    assert run.code == 0, run.stderr
    return bodies(server)


@pytest.mark.parametrize(
    ("name", "content"), [("Brief März.docx", word_document()), ("brief.zip", google_zip())]
)
def test_a_document_is_imported_checked_previewed_and_sent(tmp_path: Path, name: str, content: bytes) -> None:
    with SmtpServer() as server:
        made = project(tmp_path / "p", server.port)
        (tmp_path / name).write_bytes(content)
        answer = made.mailrunner("import", str(tmp_path / name), "--campaign", "spring")
        assert answer.code == 0, answer.stderr
        assert "Next: mailrunner preview spring --open" in answer.stderr
        messages = sent(made, server)
    assert sorted(messages) == ["ana@example.org", "bob@example.org"]
    for recipient, first_name in (("ana@example.org", "Ana"), ("bob@example.org", "Bob")):
        html = messages[recipient].get_body(("html",))
        assert html is not None and first_name in html.get_content()
        pictures = [
            part.get_content()
            for part in messages[recipient].walk()
            if part.get_content_maintype() == "image"
        ]
        assert pictures == [png()]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("markdown", "# Hallo {{ Vorname }}\n\n**[Termin]({{ link }})**\n\n![Bild](bild.png)\n"),
        (
            "mjml",
            "<mjml><mj-body><mj-section><mj-column><mj-text>Hallo {{ Vorname }} "
            '<a href="{{ unsubscribe_url }}">leave</a></mj-text><mj-image src="cid:bild.png" alt="Bild"/>'
            "</mj-column></mj-section></mj-body></mjml>",
        ),
    ],
)
def test_a_message_in_markdown_or_mjml_is_checked_previewed_and_sent(
    tmp_path: Path, key: str, text: str
) -> None:
    with SmtpServer() as server:
        made = project(tmp_path, server.port)
        made.put(f"templates/brief.{key}", text)
        (tmp_path / "templates/bild.png").write_bytes(png())
        file = tmp_path / "campaigns/spring.toml"
        campaign = file.read_text("utf-8").replace('html = "letter.html"', f'{key} = "brief.{key}"')
        file.write_text(campaign, "utf-8")
        messages = sent(made, server)
    text_part = messages["bob@example.org"].get_body(("plain",))
    assert text_part is not None and "Hallo Bob" in text_part.get_content()
    assert [
        p.get_content() for p in messages["bob@example.org"].walk() if p.get_content_maintype() == "image"
    ]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    made = project(tmp_path / "p")
    (tmp_path / "letter.html").write_text("<p>new</p>", "utf-8")
    before = made.texts()
    answer = made.mailrunner("import", str(tmp_path / "letter.html"))
    assert answer.code == 78 and "templates/letter.html: is there already" in answer.stderr
    assert made.texts() == before
    assert made.mailrunner("import", str(tmp_path / "letter.html"), "--yes").code == 0
    assert b"new" in made.texts()["templates/letter.html"]
    assert made.mailrunner("import", str(tmp_path / "letter.html")).code == 0  # it is the same


def test_the_untouched_example_of_a_new_campaign_is_replaced_unasked(tmp_path: Path) -> None:
    made = project(tmp_path / "p")
    (tmp_path / "brief.html").write_text("<p>new</p>", "utf-8")
    assert made.mailrunner("new", "brief").code == 0
    made.put("data/subscribers.csv", "email,first_name\nana@example.org,Ana\n")
    answer = made.mailrunner("import", str(tmp_path / "brief.html"), "--campaign", "brief")
    assert answer.code == 0, answer.stderr
    assert "  replaced  templates/brief.html" in answer.stderr
    assert b"new" in made.texts()["templates/brief.html"]


@on_unix
def test_at_a_terminal_it_is_asked(tmp_path: Path) -> None:
    made = project(tmp_path / "p")
    (tmp_path / "letter.html").write_text("<p>new</p>", "utf-8")
    refused = on_terminal("import", str(tmp_path / "letter.html"), folder=made.folder, typed="n\n")
    assert refused.code == 78 and "Overwrite templates/letter.html?" in refused.stderr
    assert on_terminal("import", str(tmp_path / "letter.html"), folder=made.folder, typed="y\n").code == 0


def test_the_columns_of_a_list_that_is_named_are_taken(tmp_path: Path) -> None:
    made = project(tmp_path / "p")
    (tmp_path / "l.csv").write_text("E-Mail,Prénom\na@example.org,A\n", "utf-8")
    (tmp_path / "a.html").write_text("<p>*|FNAME|* {{ Konto }}</p>", "utf-8")
    answer = made.mailrunner("import", str(tmp_path / "a.html"), "--list", str(tmp_path / "l.csv"))
    assert "{{ Prénom }}" in made.texts()["templates/a.html"].decode()
    assert "{{ Konto }}: the list has no column for it (it has E-Mail, Prénom)" in answer.stderr


def test_the_campaigns_other_keys_and_comments_stay(tmp_path: Path) -> None:
    made = project(tmp_path / "p")
    file = made.folder / "campaigns/spring.toml"
    file.write_text(file.read_text("utf-8").replace("[send]", "# a comment\n[send]"), "utf-8")
    before = file.read_text("utf-8")
    (tmp_path / "neu.html").write_text("<p>x</p>", "utf-8")
    assert made.mailrunner("import", str(tmp_path / "neu.html"), "--campaign", "spring").code == 0
    assert file.read_text("utf-8") == before.replace('html = "letter.html"', 'html = "neu.html"')
