"""The documentation site has every page, and no link that leads nowhere; the man page is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mailrunner.cli.man_page import man_page
from tools import site

ROOT = Path(__file__).parents[2]


def test_every_link_between_the_pages_of_the_site_leads_somewhere(tmp_path: Path) -> None:
    site.stage(tmp_path / "pages")
    broken = []
    for page in (tmp_path / "pages").glob("*.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not re.match(r"https?://|mailto:", link) and not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert broken == []


def test_every_page_stands_in_the_navigation(tmp_path: Path) -> None:
    site.stage(tmp_path / "pages")
    listed = set(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8")))
    assert {page.name for page in (tmp_path / "pages").glob("*.md")} == listed


def test_the_keys_of_both_files_stand_on_a_page() -> None:
    page = site.keys_page()
    assert "`from_campaign`" in page and "`on_event`" in page and "`database`" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is missing")
def test_the_man_page_is_clean_and_names_every_command() -> None:
    given = ["groff", "-man", "-Tutf8", "-ww"]
    done = subprocess.run(given, input=man_page().encode("ascii"), capture_output=True, check=True)
    assert done.stderr == b""
    assert '.SS "mailrunner suppress add ADDRESS"' in man_page()


@pytest.mark.parametrize("link", ["no-such-page.md", "tutorial.md#no-such-heading"])
def test_a_broken_link_ends_the_build(tmp_path: Path, link: str) -> None:
    pages, settings = tmp_path / "pages", tmp_path / "mkdocs.yml"
    pages.mkdir()
    (pages / "index.md").write_text(f"# Here\n\n[there]({link})\n", encoding="utf-8")
    (pages / "tutorial.md").write_text("# There\n", encoding="utf-8")
    own, _, _ = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")
    settings.write_text(own.replace("build/site-pages", str(pages)), encoding="utf-8")
    done = site.build(settings, tmp_path / "site")
    assert done.returncode != 0 and link.rpartition("#")[2] in done.stderr
