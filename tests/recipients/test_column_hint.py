"""The hint for a list that lacks the column of addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from tests.support.recipient_tables import recipient_list

HINTS = {
    "its name is another": ("Name,Kontakt\nAna,a@example.org\n", 'the addresses stand in "Kontakt"'),
    "the fuller of two": ("Alt,Neu\n,a@example.org\nb@example.org,c@example.org\n", 'stand in "Neu"'),
    "no names of columns": ("a@example.org\nb@example.org\n", "its first row holds addresses"),
    "another delimiter": ("email~name\na@example.org~Ana\n", 'parted by "~": set delimiter'),
    "another delimiter before": ("name:email\nAna:a@example.org\n", 'parted by ":": set delimiter'),
    "one that resembles it": ("E-MAIL,name\na@example.org,Ana\n", 'did you mean "E-MAIL"?'),
    "no address at all": ("Name,Ort\nAna,Cluj\n", "its columns are Name, Ort"),
}


@pytest.mark.parametrize(("text", "hint"), HINTS.values(), ids=HINTS)
def test_what_the_list_itself_tells_is_said(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        recipient_list(tmp_path, text)
    assert hint in str(caught.value)
