"""Copies of campaign files: what is edited, what stays, what cannot be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.campaign.copy import files
from mailrunner.config.project import load_project
from mailrunner.errors import UserError
from tests.support.campaign_toml import HEAD, MESSAGE, RECIPIENTS, SPRING, write_campaign


def copied(folder: Path, text: str) -> dict[str, str]:
    """The files of the copy "autumn" of a campaign file with this text."""
    write_campaign(folder, text)
    contents = files(load_project(folder, {}), "spring", "autumn")
    return {path: content.decode() for path, content in contents.items()}


def test_comments_stay_and_the_template_is_renamed(folder: Path) -> None:
    (folder / "templates" / "spring.html").write_text("<p>Hello</p>")
    text = f"# Club\n{SPRING}# end\n"
    assert copied(folder, text) == {
        "campaigns/autumn.toml": text.replace("spring.html", "autumn.html"),
        "templates/autumn.html": "<p>Hello</p>",
    }


@pytest.mark.parametrize("line", ['id = "spring"\n', "id='spring' # by which it is known\n"])
def test_the_id_is_left_out(folder: Path, line: str) -> None:
    assert copied(folder, line + SPRING) == copied(folder, SPRING)


def test_templates_of_both_parts_stay_in_their_folder_and_apart(folder: Path) -> None:
    (folder / "templates" / "mails").mkdir()
    for name in ("spring.html", "plain.html"):
        (folder / "templates" / "mails" / name).touch()
    message = MESSAGE.replace("spring.html", "mails/spring.html") + 'text = "mails/plain.html"\n'
    assert set(copied(folder, HEAD + message + RECIPIENTS)) == {
        "campaigns/autumn.toml",
        "templates/mails/autumn.html",
        "templates/mails/autumn-text.html",
    }


def test_an_inline_table_is_refused_with_the_way_to_copy_it(folder: Path) -> None:
    text = HEAD + 'message = { from = "a@example.org", subject = "x", html = "spring.html" }\n' + RECIPIENTS
    with pytest.raises(UserError, match=r"copy campaigns/spring\.toml to campaigns/autumn\.toml by hand"):
        copied(folder, text)


def test_a_missing_template_is_named(folder: Path) -> None:
    (folder / "templates" / "spring.html").unlink()
    with pytest.raises(UserError, match=r"message\.html: templates/spring\.html cannot be read"):
        copied(folder, SPRING)
