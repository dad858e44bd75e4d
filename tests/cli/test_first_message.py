"""A new user's way from an empty folder to sent messages: an odd workbook, a Word document, five commands."""

from __future__ import annotations

import csv
import email.message
import email.policy
import json
from pathlib import Path

from openpyxl.worksheet.worksheet import Worksheet

from tests.support.documents import word_document, word_drawing
from tests.support.odd_lists import german_workbook
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

# Below the heading in row 3 and the two rows of `german_workbook`: name, address, and where a message goes.
ROWS: list[tuple[str, str | None, str]] = [
    ("Ana", "Ana Pop <ana@example.org>", "ana@example.org"),
    ("Bo", "mailto:bo@example.org", "bo@example.org"),
    ("Cy", "\u200bcy@example.org\u00a0,", "cy@example.org"),
    ("Dan", '"d..n"@example.org', '"d..n"@example.org'),
    ("Eva", "eva@bücher.example", "eva@xn--bcher-kva.example"),
    ("Twice", "JOERG@example.org", ""),
    ("Two", "x@example.org; y@example.org", ""),
    ("None", None, ""),
    ("Typo", "typo@gmial.com", "typo@gmial.com"),
    ("#N/A", "error@example.org", ""),
    ("Zeile 1\nZeile 2", "break@example.org", ""),
    ("Hidden", "hidden@example.org", ""),
]
FIRST = 6


def odd(sheet: Worksheet) -> None:
    for number, (name, address, _) in enumerate(ROWS, FIRST):
        sheet.cell(number, 1, name)
        sheet.cell(number, 2, address)
        sheet.cell(number, 3, number).number_format = "00000"
    sheet.cell(FIRST + 9, 1).data_type = "e"
    sheet.row_dimensions[FIRST + len(ROWS) - 1].hidden = True
    sheet["G9"] = "a note beside the table"
    sheet.merge_cells("A1:C1")


def campaign_with(toml: str) -> str:
    """The example campaign, with the workbook as its list and the name in the subject."""
    head, _, _ = toml.partition("[recipients]")
    lines = [line for line in head.splitlines() if not line.startswith(("subject", "attachments", "vars"))]
    keys = 'xlsx = "data/list.xlsx"\nemail = "email"\nname = "Name"\nhidden = "skip"\n'
    return "\n".join([*lines, 'subject = "Für {{ row.Name }}"', "[recipients]", keys])


def test_from_an_empty_folder_every_row_gets_its_message_or_a_reason(tmp_path: Path) -> None:
    reached = {"joerg@example.org", "a@example.org"} | {address for _, _, address in ROWS if address}
    with SmtpServer() as server:
        project = Project(tmp_path)
        folder, options = str(tmp_path), ("--address", "ana@example.org", "--provider", "smtp")
        made = project.mailrunner("init", folder, *options, "--server", f"127.0.0.1:{server.port}")
        assert made.code == 0, made.stderr
        german_workbook(tmp_path / "data/list.xlsx", odd)
        file = tmp_path / "campaigns/newsletter.toml"
        file.write_text(campaign_with(file.read_text("utf-8")), encoding="utf-8")
        document = word_document(word_drawing('cx="1080000" cy="720000"', text="Logo"))
        project.put("Brief.docx", document)
        imported = project.mailrunner("import", str(tmp_path / "Brief.docx"), "--campaign", "newsletter")
        assert imported.code == 0, imported.stderr
        page = tmp_path / "templates/brief.html"
        page.write_text(
            page.read_text("utf-8").replace("Vorname", "row.Name").replace("Nummer", "PLZ"), "utf-8"
        )
        checked = project.mailrunner("check", "newsletter", "--left-out", str(tmp_path / "left.csv"))
        assert checked.code == 1, checked.stdout + checked.stderr
        assert "gmial.com" in checked.stdout
        previewed = project.mailrunner("preview", "newsletter", "--out", str(tmp_path / "seen"))
        assert previewed.code == 0, previewed.stderr
        assert project.mailrunner("run", "newsletter", "--yes").code == 1
        report = json.loads(project.mailrunner("report", "newsletter", "--format", "json").stdout)
    assert {message.recipient for message in server.accepted} == reached
    assert len(server.accepted) == len(reached)
    left_out = {
        row["mailrunner_cell"]: row
        for row in csv.DictReader((tmp_path / "left.csv").open("r", encoding="utf-8"))
    }
    assert set(left_out) == {"B11", "B12", "B13", "A15", "A16"}
    assert all(row["mailrunner_reason"] for row in left_out.values())
    others = [one for one in report["deliveries"] if one["state"] != "sent"]
    assert len(others) == len(left_out) and all(one["reason"] for one in others)
    (to_joerg,) = [one for one in server.accepted if one.recipient == "joerg@example.org"]
    message = email.message_from_bytes(to_joerg.data, policy=email.policy.default)
    assert message["Subject"] == "Für Jörg"
    assert isinstance(message, email.message.EmailMessage)
    body = message.get_body(("html",))
    assert body is not None and "01067" in body.get_content() and 'width="113"' in body.get_content()
