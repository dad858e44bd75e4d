"""What a server lists as folders: names of all kinds, uses, and lines that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.inbound.imap_folder import ImapFolder, listed_folder


@pytest.mark.parametrize(
    ("line", "wire_name", "name"),
    [
        (rb'() "/" INBOX', "INBOX", "INBOX"),
        (
            rb'() "/" "[Gmail]/Trimise &- p&AOM-strate"',
            '"[Gmail]/Trimise &- p&AOM-strate"',
            "[Gmail]/Trimise & pãstrate",
        ),
        (rb'() NIL "Gesendete \"Post\""', r'"Gesendete \"Post\""', 'Gesendete "Post"'),
        ((rb"() NIL {16}", b'Gesendete "Post"'), r'"Gesendete \"Post\""', 'Gesendete "Post"'),
        (rb'() "/" "back\\slash"', r'"back\\slash"', "back\\slash"),
        (rb'() "/" &AOM', "&AOM", "&AOM"),
        (rb'() "/" &!!-x', "&!!-x", "&!!-x"),
    ],
)
def test_names_are_kept_for_commands_and_decoded_for_users(
    line: bytes | tuple[bytes, bytes], wire_name: str, name: str
) -> None:
    folder = listed_folder(line)
    assert folder is not None
    assert (folder.wire_name, folder.name) == (wire_name, name)


@pytest.mark.parametrize(
    ("listed", "folder"),
    [
        (
            rb'(\HasNoChildren \Sent) "/" Sent',
            ImapFolder("Sent", frozenset({"\\hasnochildren", "\\sent"}), "/"),
        ),
        (rb'(\TRASH) "\\" Trash', ImapFolder("Trash", frozenset({"\\trash"}), "\\")),
        (rb"() nil Flat", ImapFolder("Flat", frozenset(), "")),
    ],
)
def test_uses_and_delimiter_are_read(listed: bytes, folder: ImapFolder) -> None:
    assert listed_folder(listed) == folder


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"(", b'() "/" Gel\xc3\xb6scht', (b"() NIL {3}", b"a\r\n"), b'() "/" a\x00']
)
def test_a_line_that_names_no_folder_is_none(line: bytes | tuple[bytes, bytes]) -> None:
    assert listed_folder(line) is None


@given(line=st.binary() | st.tuples(st.binary(), st.binary()))
def test_no_line_breaks_the_reader(line: bytes | tuple[bytes, bytes]) -> None:
    folder = listed_folder(line)
    assert folder is None or (folder.name and "\0" not in folder.name)
