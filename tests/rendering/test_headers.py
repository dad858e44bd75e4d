"""Header fields, read back by parsers that are not ours: no value becomes another field."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from email.header import decode_header, make_header
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.rendering import Message, Renderer
from mailrunner.rendering.headers import long_mailbox_field, long_text_field, mailbox_field, text_field
from tests.support.projects import Project
from tests.support.rendering import (
    FIELDS,
    MAILTO,
    NOW,
    URL,
    Spec,
    assert_clean_on_the_wire,
    fields,
    fields_for,
    modern,
    old,
    renderer,
)


def test_a_bulk_message_has_exactly_these_fields(project: Path) -> None:
    spec = Spec(reply_to="office@example.org", headers={"X-Campaign": "spring {{ first_name }}"})
    message = renderer(project, spec).render(FIELDS, NOW)
    parsed = modern(message)
    assert {name: parsed[name] for name in parsed if not name.startswith("Content-")} == {
        "Date": "Tue, 01 Dec 2026 08:00:00 +0000",
        "From": "Ana Pop <ana@example.org>",
        "Reply-To": "office@example.org",
        "To": "Bob Stone <bob@example.net>",
        "Subject": "Bob, spring is here",
        "Message-ID": "<abc@example.org>",
        "X-Mailrunner-Delivery": "abc",
        "List-Id": "Club news <club-news.example.org>",
        "Precedence": "bulk",
        "List-Unsubscribe": f"<{URL}>, <{MAILTO}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-Campaign": "spring Bob",
        "MIME-Version": "1.0",
    }
    assert len(set(fields(message))) == len(fields(message))
    assert (message.sender, message.recipient, message.smtputf8) == (
        "ana@example.org",
        "bob@example.net",
        False,
    )
    assert message.size == len(message.data)


def test_the_unsubscribe_uris_are_unbroken_on_one_line(project: Path) -> None:
    data = renderer(project, Spec()).render(FIELDS, NOW).data
    assert f"\r\nList-Unsubscribe: <{URL}>, <{MAILTO}>\r\n".encode() in data
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data


def test_without_an_https_uri_nothing_promises_one_click(project: Path) -> None:
    mailto_only = replace(FIELDS, list_unsubscribe=(MAILTO,))
    assert "List-Unsubscribe-Post" not in fields(renderer(project, Spec()).render(mailto_only, NOW))


def test_transactional_mail_has_no_list_fields(project: Path) -> None:
    names = fields(renderer(project, Spec(), kind="transactional").render(FIELDS, NOW))
    assert not [name for name in names if name.startswith(("List-", "Precedence"))]


def test_the_campaigns_own_precedence_stands_alone(project: Path) -> None:
    parsed = old(renderer(project, Spec(headers={"precedence": "list"})).render(FIELDS, NOW))
    assert parsed.get_all("Precedence") == ["list"]


def test_an_extra_field_that_is_empty_for_a_row_is_left_out(project: Path) -> None:
    spec = Spec(headers={"X-Note": "{% if vip %}vip{% endif %}"})
    made = renderer(project, spec)
    assert "X-Note" not in fields(made.render(fields_for(vip=False), NOW))
    assert "X-Note" in fields(made.render(fields_for(vip=True), NOW))


def test_a_test_message_is_marked_in_its_subject(project: Path) -> None:
    message = renderer(project, Spec()).render(replace(FIELDS, subject_prefix="[TEST] "), NOW)
    assert modern(message)["Subject"] == message.subject == "[TEST] Bob, spring is here"


def test_international_domains_go_as_ascii_and_need_no_extension(project: Path) -> None:
    spec = Spec(from_="Ana <ana@exämple.org>", reply_to="büro <b@büro.example>")
    message = renderer(project, spec).render(
        replace(FIELDS, address="bob@bücher.example", return_path="v@exämple.org"), NOW
    )
    assert_clean_on_the_wire(message.data)
    assert (message.sender, message.recipient) == ("v@xn--exmple-cua.org", "bob@xn--bcher-kva.example")
    assert not message.smtputf8
    parsed = modern(message)
    assert parsed["From"].addresses[0].domain == "xn--exmple-cua.org"
    assert parsed["Reply-To"].addresses[0].addr_spec == "b@xn--bro-hoa.example"


def test_several_reply_to_addresses_are_one_field(project: Path) -> None:
    several = '"Pop, Ana" <a@example.org>, b@büro.example, Jörg <c@example.org>, ' + ", ".join(
        f"person{n}@long-domain.example.org" for n in range(6)
    )
    message = renderer(project, Spec(reply_to=several)).render(FIELDS, NOW)
    assert_clean_on_the_wire(message.data)
    found = [(one.display_name, one.addr_spec) for one in modern(message)["Reply-To"].addresses]
    assert found[:3] == [
        ("Pop, Ana", "a@example.org"),
        ("", "b@xn--bro-hoa.example"),
        ("Jörg", "c@example.org"),
    ]
    assert len(found) == 9 and fields(message).count("Reply-To") == 1


def test_an_international_local_part_needs_smtputf8_and_stands_raw(project: Path) -> None:
    message = renderer(project, Spec()).render(replace(FIELDS, address="bäb@example.net", name=""), NOW)
    assert message.smtputf8
    assert message.recipient == "bäb@example.net"
    assert "\r\nTo: bäb@example.net\r\n".encode() in message.data
    assert_clean_on_the_wire(message.data.replace("ä".encode(), b"a"))


@pytest.mark.parametrize("name", ["", "Taro", "Ta, Ro"])
@pytest.mark.parametrize("address", ['"a..b"@docomo.ne.jp', '"a b,c"@example.net', r'"a\"b"@example.net'])
def test_a_quoted_local_part_goes_as_it_is(project: Path, address: str, name: str) -> None:
    message = renderer(project, Spec()).render(replace(FIELDS, address=address, name=name), NOW)
    assert (message.recipient, message.smtputf8) == (address, False)
    shown = f"<{address}>" if name else address
    assert fields(message).count("To") == 1 and f"{shown}\r\n".encode() in message.data
    assert modern(message)["To"].addresses[0].display_name == name
    assert_clean_on_the_wire(message.data)


@pytest.mark.parametrize("local", ['"a\r\nb"', '"a"b"', '"a\tb"', '"'])
def test_a_quoted_local_part_makes_no_field_of_its_own(project: Path, local: str) -> None:
    with pytest.raises(RowError):
        renderer(project, Spec()).render(replace(FIELDS, address=f"{local}@example.net"), NOW)


@pytest.mark.parametrize(
    "name",
    [
        "Pop, Ana",
        'Ana "the boss" Pop',
        "ana@example.org",
        "Ana <boss@bank.example>",
        "a\\b",
        "=?utf-8?q?trick?=",
        "Ștefan Țuțu",
        "山田太郎",
        "O'Neil (Bob)",
        "Dr. Bob",
        "name " * 30 + "end",
        "ă" * 90,
        "x" * 300,
    ],
)
def test_a_display_name_is_only_ever_a_name(project: Path, name: str) -> None:
    message = renderer(project, Spec()).render(replace(FIELDS, name=name), NOW)
    assert_clean_on_the_wire(message.data)
    (to,) = modern(message)["To"].addresses
    assert to.addr_spec == "bob@example.net"
    if len(name) < 40:  # Python 3.11's parser keeps the blank between two encoded-words of a phrase
        assert to.display_name == name
    shown = str(make_header(decode_header(old(message)["To"].rpartition(" <")[0])))
    assert re.sub(r"\r\n|\\|^\"|\"$", "", shown) == name.replace("\\", "").strip('"')


def test_header_lines_stay_within_76_columns_where_they_may_be_folded(project: Path) -> None:
    spec = Spec(subject="{{ s }}", headers={"X-Long": "{{ s }}"})
    made = renderer(project, spec)
    for subject in ("word " * 100, "ă" * 200, "新聞" * 100, "x" * 200):
        data = made.render(fields_for(s=subject), NOW).data
        head = data.partition(b"\r\nMessage-ID")[0].split(b"\r\n")
        assert max(len(line) for line in head) <= 76
        assert modern(made.render(fields_for(s=subject), NOW))["Subject"] == subject.strip()


FORBIDDEN = "\r\n\0"

cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
fair_cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=FORBIDDEN), max_size=200)
often = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.fixture(scope="module")
def plain(shared_project: Path) -> Renderer:
    Project(shared_project).put("templates/any.txt", "{{ body }}")
    spec = Spec(subject="{{ subject }}", html=None, text="any.txt", headers={"X-Note": "note {{ note }}"})
    return renderer(shared_project, spec)


def decoded(raw: str) -> str:
    """RFC 2047 by hand, as neither of Python's parsers is right for every control character."""
    unfolded = re.sub(r"\r\n(?=[ \t])", "", raw)
    joined = re.sub(r"(\?=)\s+(=\?)", r"\1\2", unfolded)
    return re.sub(r"=\?utf-8\?[qb]\?[^?]*\?=", lambda word: str(make_header(decode_header(word[0]))), joined)


def raw_field(message: Message, name: str) -> str:
    match = re.search(rf"^{name}: (.*?)\r\n(?![ \t])", message.data.decode("ascii"), re.DOTALL | re.MULTILINE)
    assert match
    return match[1]


@often
@given(subject=fair_cells, note=fair_cells, name=fair_cells)
def test_what_was_put_in_comes_out(plain: Renderer, subject: str, note: str, name: str) -> None:
    asked = replace(fields_for(subject=f"x{subject}", note=note, body="b"), name=name)
    message = plain.render(asked, NOW)
    assert_clean_on_the_wire(message.data)
    assert message.subject == f"x{subject}".strip()
    assert decoded(raw_field(message, "Subject")) == message.subject
    assert decoded(raw_field(message, "X-Note")) == f"note {note}".strip()
    to = raw_field(message, "To")
    shown = decoded(to).rpartition(" <")[0] or ""
    if to.startswith('"'):  # a quoted string, and not an encoded word that begins with a quote
        shown = re.sub(r"\\(.)", r"\1", shown[1:-1])
    assert shown == name.strip()


@often
@given(subject=cells, note=cells, name=cells)
def test_no_cell_makes_a_field_of_its_own(plain: Renderer, subject: str, note: str, name: str) -> None:
    asked = replace(fields_for(subject=f"x{subject}", note=note, body="b"), name=name)
    if any(c in cell for cell in (subject, note, name) for c in FORBIDDEN):
        with pytest.raises(RowError, match=r"contains a (line break|NUL character)"):
            plain.render(asked, NOW)
        return
    message = plain.render(asked, NOW)
    usual = fields(plain.render(fields_for(subject="s", note="n", body="b"), NOW))
    assert fields(message) == usual
    assert [name for name, _ in modern(message).raw_items()] == usual


brief = st.text(
    st.sampled_from([*"ab7.,'\"=?_-!@<>()é", " ", " ", "\t", "\u2028", "\x7f", "\xad"]), max_size=80
)


@often
@given(value=brief | fair_cells, name=st.sampled_from(["Subject", "X-A", "X-" + "Long" * 15]))
def test_the_short_cut_for_a_text_gives_the_same_field(value: str, name: str) -> None:
    assert text_field(name, value) == long_text_field(name, value)


@often
@given(name=brief | fair_cells, address=st.sampled_from(["bob@example.net", "b@x.org", "a" * 60 + "@x.org"]))
def test_the_short_cut_for_a_name_gives_the_same_field(name: str, address: str) -> None:
    who = MailboxAddress(name, address)
    assert mailbox_field("To", who) == long_mailbox_field("To", who)


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", "a\0b", "a\ud800b"])
def test_no_short_cut_lets_a_line_break_through(cell: str) -> None:
    for make in (text_field, lambda name, value: mailbox_field(name, MailboxAddress(value, "b@x.org"))):
        with pytest.raises(RowError):
            make("Subject", cell)


def test_the_date_is_that_of_its_second_and_zone(project: Path) -> None:
    made = renderer(project, Spec())
    bucharest = ZoneInfo("Europe/Bucharest")
    late = datetime(2026, 10, 25, 3, 30, 59, 999_999, tzinfo=bucharest)
    for now, shown in (
        (NOW, "Tue, 01 Dec 2026 08:00:00 +0000"),
        (NOW.replace(microsecond=7), "Tue, 01 Dec 2026 08:00:00 +0000"),
        (NOW.replace(second=1), "Tue, 01 Dec 2026 08:00:01 +0000"),
        (NOW.replace(second=1).astimezone(bucharest), "Tue, 01 Dec 2026 10:00:01 +0200"),
        (late, "Sun, 25 Oct 2026 03:30:59 +0300"),
        (late.replace(fold=1), "Sun, 25 Oct 2026 03:30:59 +0200"),
    ):
        assert old(made.render(FIELDS, now))["Date"] == shown
