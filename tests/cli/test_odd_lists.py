"""Odd lists from end to end: every row got its message, or is named with a reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl.worksheet.worksheet import Worksheet

from tests.support.odd_lists import german_workbook, open_document, row, text_cell, value_cell
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

GOOGLE_OLD = (
    "Name,Given Name,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Value\n"
    "Ana Pop,Ana,* Home,ana@example.org,0721 ::: 0722\n"
    "Bo,Bo,Work,bo@example.org ::: bo2@example.org,\n"
    "Cy,Cy,,,0723\n"
)
GOOGLE_NEW = (
    "First Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value\n"
    "Ana,Pop,* myContacts,,ana@example.org\nBo,,,* Other,Bo <bo@example.org>\n"
)
OUTLOOK = (
    '"Vorname","Nachname","E-Mail-Adresse","E-Mail-Typ","Notizen"\r\n'
    '"Jörg","Groß","joerg@example.org","SMTP","Zeile 1\r\nZeile 2"\r\n'
    '"Änne","Kranz","/o=ExchangeLabs/ou=x/cn=Recipients/cn=anne","EX",""\r\n'
)
THUNDERBIRD = "First Name,Last Name,Display Name,Primary Email\nAna,Pop,Ana Pop,ana@example.org\n,,,nobody\n"
MAILCHIMP = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,LEID,EUID,TAGS\n'
    'ana@example.org,Ana,2,"2024-01-02 10:00:00",1,a1,"""members"",""vip"""\n'
    'ana@EXAMPLE.org,Again,2,"2024-01-02 10:00:00",2,a2,\n'
)
EXCEL_CSV = "sep=;\r\nName;email;Betrag\r\nJörg;joerg@example.org;1.234,50 €\r\nBo;bo@example,org;#NV\r\n"


def odd_workbook(sheet: Worksheet) -> None:
    """More rows below the two: hidden, with a formula error in the name, without an address, merged."""
    for number, cells in enumerate(
        [
            ("Hidden", "hidden@example.org"),
            ("#REF!", "error@example.org"),
            ("Two", "x@example.org, y@example.org"),
            ("Summe", None),
            ("Double", "joerg@example.org"),
        ],
        6,
    ):
        sheet.cell(number, 1, cells[0])
        sheet.cell(number, 2, cells[1])
    sheet["A7"].data_type = "e"
    sheet.row_dimensions[6].hidden = True


def excel(folder: Path) -> str:
    german_workbook(folder / "list.xlsx", odd_workbook)
    return 'xlsx = "data/list.xlsx"\nhidden = "skip"'


def excel_ods(folder: Path) -> str:
    table = row(text_cell("Vereinsliste")) + row(text_cell("Name"), text_cell("email"), text_cell("PLZ"))
    table += row(text_cell("Jörg"), text_cell("joerg@example.org"), value_cell("float", "1067", "01067"))
    table += row(text_cell("Bo"), text_cell("bo.example.org"), value_cell("float", "1", "00001"))
    open_document(folder / "list.ods", table)
    return 'xlsx = "data/list.ods"'


def text(content: str, keys: str = "", encoding: str = "utf-8") -> Any:
    """A function that writes this CSV and gives the keys for it."""

    def write(folder: Path) -> str:
        (folder / "list.csv").write_bytes(content.encode(encoding))
        return f'csv = "data/list.csv"\n{keys}'

    return write


GOOGLE = 'email = "E-mail 1 - Value"'
LISTS = {
    "excel": (excel, "Name", {"joerg", "a"}, {7, 8, 9, 10}),
    "open document": (excel_ods, "Name", {"joerg"}, {4}),
    "google, old": (text(GOOGLE_OLD, GOOGLE), "Name", {"ana"}, {3, 4}),
    "google, all": (text(GOOGLE_OLD, f'{GOOGLE}\nseveral = "all"'), "Name", {"ana", "bo", "bo2"}, {4}),
    "google, new": (text(GOOGLE_NEW, GOOGLE), "First Name", {"ana", "bo"}, set[int]()),
    "outlook": (
        text(OUTLOOK, 'email = "E-Mail-Adresse"\nencoding = "cp1252"', "cp1252"),
        "Vorname",
        {"joerg"},
        {4},
    ),
    "thunderbird": (text(THUNDERBIRD, 'email = "Primary Email"'), "Display Name", {"ana"}, {3}),
    "mailchimp": (text(MAILCHIMP, 'email = "Email Address"'), "First Name", {"ana"}, {3}),
    "excel's csv": (text(EXCEL_CSV), "Name", {"joerg"}, {4}),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_row_got_its_message_or_is_named_with_a_reason(tmp_path: Path, name: str) -> None:
    write, column, sent, left_out = LISTS[name]
    (tmp_path / "data").mkdir()
    with SmtpServer() as server:
        project = Project(tmp_path)
        project.write_account(port=server.port, limits='"10000/24h"')
        greeting = f"<p>Hello {{{{ row['{column}'] }}}}</p><p>{{{{ postal_address }}}}</p>"
        project.write_campaign(
            "spring", csv="none", letter=f'{greeting}<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a>'
        )
        file = tmp_path / "campaigns/spring.toml"
        keys = write(tmp_path / "data")
        campaign = file.read_text().replace('csv = "data/none"', keys).replace("{{ name }}", "Dear reader")
        file.write_text(campaign, encoding="utf-8")
        checked = project.mailrunner("check", "--left-out", str(tmp_path / "left.csv"))
        assert checked.code in (0, 1), checked.stderr
        rows = list(csv.DictReader((tmp_path / "left.csv").open(encoding="utf-8")))
        assert {int(one["mailrunner_row"]) for one in rows} == left_out, checked.stdout
        assert all(one["mailrunner_reason"] and one["mailrunner_cell"] for one in rows)
        project.mailrunner("run", "spring", "--yes")
        assert {message.recipient.partition("@")[0] for message in server.accepted} == sent
        report = json.loads(project.mailrunner("report", "spring", "--format", "json").stdout)
        others = [one for one in report["deliveries"] if one["state"] != "sent"]
        assert len(others) == len(left_out) and all(one["reason"] for one in others)
