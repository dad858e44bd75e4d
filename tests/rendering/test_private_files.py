"""Files that are never sent, whoever names them and however; and what a row may choose."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.errors import RowError, UserError
from mailrunner.rendering.media_types import image_type
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.campaign_toml import write_campaign
from tests.support.campaigns import CampaignInProcess, people
from tests.support.projects import Project
from tests.support.rendering import NOW, PNG, Spec, fields_for, modern, project_in, renderer
from tests.support.smtp_server import SmtpServer


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_in(tmp_path / "p")


PRIVATE = {
    "the settings": "mailrunner.toml",
    "the settings by a detour": "data/../mailrunner.toml",
    "the settings by a dot": ".//mailrunner.toml",
    "a copy of the settings": "mailrunner.toml.old",
    "the ledger": "data/mailrunner.db",
    "its write-ahead log": "data/mailrunner.db-wal",
    "its index": "data/mailrunner.db-shm",
    "its journal": "data/mailrunner.db-journal",
    "a run's lock": "data/mailrunner.db.run-7.lock",
    "a copy of the ledger": "data/elsewhere.bin",
    "the campaign's list": "data/people.csv",
    "an editor's copy of the list": "data/people.csv~",
    "another campaign's list": "data/members.xlsx",
    "a list of a campaign file that is broken": "data/broken.csv",
    "another campaign's database": "data/crm.sqlite",
    "a campaign file": "campaigns/spring.toml",
    "anything beside it": "campaigns/notes.txt",
    "secrets": ".env",
    "more secrets": ".env.local",
    "the witness": ".mailrunner/ledger",
    "git": ".git/config",
    "a template": "templates/letter.html",
    "a preview": "previews/spring/1.html",
    "a key": "data/dkim.pem",
    "a symlink to the ledger": "data/symlink.pdf",
    "a hard link to the ledger": "data/hardlink.pdf",
    "a hard link to the list": "data/people.pdf",
    "a hard link to secrets": "data/secrets.pdf",
    "a folder's symlink": "data/all/mailrunner.toml",
}


@pytest.fixture
def mailing(tmp_path: Path) -> CampaignInProcess:
    """A project in which all of these exist."""
    mailing = CampaignInProcess(tmp_path, SmtpServer()).write(csv=people(2))
    write_campaign(tmp_path, "[recipients]\ncsv = 'data/broken.csv'\n[message\n", "old")
    write_campaign(tmp_path, '[recipients]\nxlsx = "data/members.xlsx"\n', "other")
    crm = '[recipients]\nsql = "select 1"\ndatabase = "sqlite:///data/crm.sqlite"\n'
    write_campaign(tmp_path, crm, "crm")
    with mailing.ledger():
        pass
    database = sqlite3.connect(tmp_path / "data/elsewhere.bin")
    database.execute("create table x (y)")
    database.close()
    for name in PRIVATE.values():
        file = tmp_path / name
        if "link" in name or "all" in name or file.exists() or name.endswith((".db", ".bin")):
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("-----BEGIN PRIVATE KEY-----\nCANARY" if name.endswith("pem") else "CANARY")
    (tmp_path / "data/symlink.pdf").symlink_to("mailrunner.db")
    (tmp_path / "data/all").symlink_to(tmp_path)
    for stem in ("people", "secrets"):
        (tmp_path / f"data/{stem}.pdf").unlink(missing_ok=True)
    os.link(tmp_path / "data/mailrunner.db", tmp_path / "data/hardlink.pdf")
    os.link(tmp_path / "data/people.csv", tmp_path / "data/people.pdf")
    os.link(tmp_path / ".env", tmp_path / "data/secrets.pdf")
    return mailing


def prepared(mailing: CampaignInProcess) -> PreparedCampaign:
    return PreparedCampaign.prepare(*load_campaign(mailing.folder, "spring", {}))


@pytest.mark.parametrize("name", PRIVATE.values(), ids=PRIVATE)
def test_a_private_file_in_attachments_is_the_campaign_files_fault(
    mailing: CampaignInProcess, name: str
) -> None:
    mailing.write(csv=people(2), message=f'attachments = ["{name}"]')
    with pytest.raises(UserError, match=r"is not sent: it |is hidden") as caught:
        prepared(mailing)
    assert {p.file for p in caught.value.problems} == {"campaigns/spring.toml"}
    assert {p.key for p in caught.value.problems} == {"message.attachments[1]"}


@pytest.mark.parametrize("name", PRIVATE.values(), ids=PRIVATE)
def test_a_private_file_as_an_image_is_the_templates_fault(mailing: CampaignInProcess, name: str) -> None:
    mailing.write(
        csv=people(2), letter=f'<img src="cid:{name}"><a href="{{{{ unsubscribe_url }}}}">Leave</a>'
    )
    with pytest.raises(UserError, match=r"is not sent|is hidden|plainer name") as caught:
        prepared(mailing)
    assert {p.file for p in caught.value.problems} == {"templates/letter.html"}


INCLUDED = ["mailrunner.toml", "data/people.csv", ".env", "data/dkim.pem", "data/broken.csv"]


@pytest.mark.parametrize("linked", [Path.symlink_to, Path.hardlink_to], ids=["symlink", "hard link"])
@pytest.mark.parametrize("name", INCLUDED)
def test_a_private_file_is_no_template_either(
    mailing: CampaignInProcess, name: str, linked: Callable[[Path, Path], None]
) -> None:
    (mailing.folder / "templates/parts").mkdir()
    linked(mailing.folder / "templates/parts/part.html", mailing.folder / name)
    for source in ("{% include 'parts/part.html' %}", "{% include 'parts/' ~ name ~ '.html' %}"):
        mailing.write(csv=people(2), letter=f'{source}<a href="{{{{ unsubscribe_url }}}}">Leave</a>')
        with pytest.raises((UserError, RowError), match=r"is not sent: it|does not exist"):
            prepared(mailing).renderer.render(fields_for(name="part"), NOW)


@pytest.mark.parametrize("name", [n for n in PRIVATE.values() if n.startswith("data/") and n.count("/") == 1])
def test_a_row_that_chooses_a_private_file_fails(mailing: CampaignInProcess, name: str) -> None:
    csv = f"email,name\na@example.org,{name.removeprefix('data/')}\n"
    mailing.write(csv=csv, message='attachments = ["data/{{ name }}"]')
    job = prepared(mailing)
    with pytest.raises(RowError, match=r"the attachment data/\S+ is not sent: it is "):
        job.renderer.render(fields_for(name=name.removeprefix("data/")), NOW)


@pytest.mark.parametrize("name", ["ledger.PDF", "MAILRUNNER.DB", "Mailrunner.db-WAL", "PEOPLE.csv"])
def test_another_case_of_the_letters_is_the_same_file(mailing: CampaignInProcess, name: str) -> None:
    """As it is on macOS and Windows; here the file is made."""
    (mailing.folder / "data" / name).write_text("CANARY")
    mailing.write(csv=people(2), message=f'attachments = ["data/{name}"]')
    if name == "ledger.PDF":
        prepared(mailing)
    else:
        with pytest.raises(UserError, match="is not sent"):
            prepared(mailing)


FOLDERLESS = {
    "a value": "{{ x }}",
    "a value with an ending": "{{ x }}.pdf",
    "a beginning of a name": "ticket-{{ x }}.pdf",
    "a dot": "./{{ x }}",
    "a detour": "data/../{{ x }}",
    "the root": "/{{ x }}",
    "a value as the folder": "{{ x }}/{{ x }}.pdf",
    "one of two ways": "{% if vip %}data/{{ x }}{% else %}{{ x }}{% endif %}",
    "a name that was set": "{% set y = 'data/' ~ x %}{{ y }}",
    "a loop": "{% for y in [x] %}data/{{ y }}{% endfor %}",
    "a part that is joined": "{% set y %}data/{{ x }}{% endset %}{{ y }}",
    "a filter": "{% filter lower %}data/{{ x }}{% endfilter %}",
    "the campaigns": "campaigns/{{ x }}",
    "a hidden folder": ".mailrunner/{{ x }}",
    "a symlink to the project": "data/all/{{ x }}",
    "outside": "../{{ x }}",
}


@pytest.mark.parametrize("entry", FOLDERLESS.values(), ids=FOLDERLESS)
def test_an_entry_that_lets_a_row_choose_any_file_is_the_campaign_files_fault(
    project: Path, entry: str
) -> None:
    (project / "data/all").symlink_to(project)
    with pytest.raises(UserError) as caught:
        renderer(project, Spec(attachments=["data/programme.pdf", entry]))
    (problem,) = caught.value.problems
    assert problem.key == "message.attachments[2]"
    assert problem.hint


@pytest.mark.parametrize(
    "entry",
    [
        "data/{{ x }}",
        " data/{{ x }}",
        "data/tickets/{{ x }}.txt",
        "data/{% if x %}tickets/{{ x }}.txt{% endif %}",
        "{% if vip %}data/{{ x }}{% else %}data/programme.pdf{% endif %}",
        "data/tickets/2026-{{ x }}/{{ x }}",
        "data/tickets{% if vip %}/{{ x }}{% endif %}",
    ],
)
def test_a_folder_before_the_value_is_enough(project: Path, entry: str) -> None:
    made = renderer(project, Spec(attachments=[entry]))
    with pytest.raises(RowError, match=r"outside the folder|without slashes"):
        made.render(fields_for(x="../../x", vip=True), NOW)


@pytest.mark.parametrize(
    "value",
    [
        "../programme.pdf",
        "..",
        "a/../../x",
        "/etc/hostname",
        "tickets/7.txt",
        "..\\x",
        "./7.txt",
        "7.txt/",
        "//x",
    ],
)
def test_a_value_is_a_name_and_no_path(project: Path, value: str) -> None:
    made = renderer(project, Spec(attachments=["data/tickets/{{ x }}"]))
    assert list(modern(made.render(fields_for(x="7.txt"), NOW)).iter_attachments())
    with pytest.raises(RowError, match=r"outside the folder|without slashes"):
        made.render(fields_for(x=value), NOW)


def test_a_symlink_does_not_lead_a_row_out_of_its_folder(project: Path) -> None:
    (project / "data/tickets/link.pdf").symlink_to("../programme.pdf")
    with pytest.raises(RowError, match="outside the folder"):
        renderer(project, Spec(attachments=["data/tickets/{{ x }}"])).render(fields_for(x="link.pdf"), NOW)


IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "image/bmp": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
    "image/vnd.microsoft.icon": b"\0\0\1\0\1\0\x10\x10",
    "image/avif": b"\0\0\0\x1cftypavif",
    "image/svg+xml": b'<?xml version="1.0"?>\n<!-- drawn - by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize(("kind", "octets"), IMAGES.items(), ids=IMAGES)
def test_an_image_is_told_by_its_content(project: Path, kind: str, octets: bytes) -> None:
    (project / "templates/logo.png").write_bytes(octets)
    Project(project).put("templates/spring.html", '<img src="cid:logo.png">')
    image = next(
        p for p in modern(renderer(project, Spec()).render(fields_for(), NOW)).walk() if p["Content-ID"]
    )
    assert image.get_content_type() == kind


@pytest.mark.parametrize(
    "octets", [b"", b"email,name\n", b"<p>x</p>", b"BMW,Audi\n", b"%PDF-1.7", b"GIF is a word", b"\0" * 99]
)
def test_a_file_that_is_only_called_an_image_is_the_templates_fault(project: Path, octets: bytes) -> None:
    assert image_type(octets) is None
    (project / "templates/logo.png").write_bytes(octets)
    Project(project).put("templates/spring.html", '<img src="cid:logo.png">')
    with pytest.raises(UserError, match=r"templates/spring\.html: the inline image logo\.png is not sent"):
        renderer(project, Spec())
