"""Text of others on the pages that are served: escaped, and no character of it steers the browser."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader
from markupsafe import Markup

from mailrunner.web.page_environment import page_environment


def shown(value: object) -> str:
    return page_environment(DictLoader({"page": "{{ value }}"})).get_template("page").render(value=value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<b>Ana</b> & co", "&lt;b&gt;Ana&lt;/b&gt; &amp; co"),
        ("a\x1b[2Jb\x00", "a�[2Jb�"),
        ("\u202egpj.exe", "�gpj.exe"),
        ("one\u2028two", "one�two"),
        ("\ud800", "�"),  # half a pair, as a file name of a message may have: no octets stand for it
        ("lines\nand\ttabs", "lines\nand\ttabs"),
    ],
)
def test_text_of_others_is_shown_and_steers_nothing(written: str, read: str) -> None:
    assert shown(written) == read


def test_markup_of_a_template_stays_as_it_is() -> None:
    assert shown(Markup("<b>\u2028</b>")) == "<b>\u2028</b>"
