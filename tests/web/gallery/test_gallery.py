"""The gallery in a real browser, with and without scripts, and its rules by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import pytest

from tests.support.browsers import DESK, PHONE, new_context, obstacles
from tests.support.galleries import COOKIE, ServedGallery
from tests.support.hostile_message import Hits
from tests.support.projects import Project
from tests.support.web_clicks import ask

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

LETTER = """<html><head><style>body {{ background: #ffffff; color: #222222; font: 16px/1.6 Georgia, serif }}
@media only screen and (prefers-color-scheme: dark) {{ body {{ background: #102030 !important }} }}
h1 {{ color: #23744a }}</style></head><body>
<h1>Spring is here, {{{{ name }}}}</h1><p>The beds are dug, and the garden opens on Saturday.</p>
{{% if note %}}<p>Your plot: {{{{ note }}}}</p>{{% endif %}}<p><img src="{o}/pixel.png" alt="a flower"></p>
<p>{{{{ postal_address }}}} · <a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p></body></html>
"""
RECIPIENTS = 'name = "name"\ndefaults = { name = "friend" }\ntypes = { points = "int" }'
ROWS = [
    "email,name,note,points",
    *(f"gardener{number}@example.org,Gardener {number},,1" for number in range(60)),
    "plot@example.org,Ștefan Wiśniewski,Behind the old pear tree,2",
    "hostile@example.org,<script>document.title='stolen'</script>,,3",
    "many@example.org,Many,,points",
    "no address,Gus,,1",
    "gardener1@example.org,Again,,1",
]
STEFAN = 61
CSP = "content-security-policy"


@pytest.fixture(scope="module")
def hits() -> Iterator[Hits]:
    with Hits() as server:
        yield server


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, hits: Hits) -> Iterator[ServedGallery]:
    folder = tmp_path_factory.mktemp("club")
    with ServedGallery(garden(folder, hits.origin), "spring") as running:
        yield running


def garden(folder: Path, origin: str) -> Path:
    project = Project(folder)
    project.write_account()
    letter = LETTER.format(o=origin)
    project.write_campaign("spring", csv="list.csv", recipients=RECIPIENTS, letter=letter)
    project.put("data/list.csv", "\n".join(ROWS) + "\n")
    return project.folder


def opened(
    browser: Browser,
    gallery: ServedGallery,
    size: ViewportSize = DESK,
    path: str = "",
    *,
    scheme: Literal["light", "dark"] = "light",
    script: bool = True,
    errors: list[str] | None = None,
    **query: object,
) -> Page:
    context = new_context(browser, viewport=size, color_scheme=scheme, java_script_enabled=script)
    context.add_cookies([{"name": COOKIE, "value": gallery.session, "url": gallery.url}])
    page = context.new_page()
    if errors is not None:
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{gallery.url}{path}?{urlencode(query)}")
    page.wait_for_load_state("networkidle")
    return page


def names(page: str) -> list[str]:
    """The recipients of the list on the page."""
    return [unescape(found) for found in re.findall(r"<b><bdi>([^<]*)</bdi></b>", page)]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_every_view_fits_its_screen_bars_no_reader_and_asks_no_other_server(
    browser: Browser,
    gallery: ServedGallery,
    hits: Hits,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    views: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("", {"row": STEFAN, "colours": "inverted", "screen": "phone"}),
        ("", {"part": "headers"}),
        ("compare", {"row": 1, "against": STEFAN}),
    ]
    errors: list[str] = []
    for path, query in views:
        page = opened(browser, gallery, size, path, scheme=scheme, errors=errors, **query)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert obstacles(page) == []
        page.context.close()
    assert (hits.paths, errors) == ([], [])


def test_a_recipient_is_found_looked_at_and_shown_in_other_views_without_script(
    browser: Browser, gallery: ServedGallery
) -> None:
    page = opened(browser, gallery, script=False)
    page.fill("[name=q]", "pear TREE")
    page.keyboard.press("Enter")
    page.click("text=Ștefan Wiśniewski")
    page.frame_locator(".screens iframe >> nth=0").get_by_text("plot: Behind the old pear tree").wait_for()
    page.click("text=Headers")
    page.locator(".headers", has_text="List-Unsubscribe").wait_for()
    page.wait_for_url(re.compile(rf"row={STEFAN}-.*part=headers"))
    page.context.close()


def test_dark_is_the_authors_own_whatever_the_system_says(browser: Browser, gallery: ServedGallery) -> None:
    found = {}
    for colours in ("light", "dark"):
        page = opened(browser, gallery, scheme="dark", row=1, colours=colours)
        body = page.frame_locator(".screens iframe >> nth=0").locator("body")
        found[colours] = body.evaluate("body => getComputedStyle(body).backgroundColor")
        page.context.close()
    assert found == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 32, 48)"}


def test_cells_are_text_on_the_page(browser: Browser, gallery: ServedGallery) -> None:
    page = opened(browser, gallery, q="hostile")
    page.locator(".rows", has_text="<script>document.title").wait_for()
    assert page.title().startswith("spring")
    page.context.close()


def test_odd_rows_come_first_with_their_reasons(gallery: ServedGallery) -> None:
    page = gallery.get("/").text
    assert names(page)[:3] == ["Gardener 0", "Gardener 1", "Gardener 2"]
    assert "most characters beyond ASCII: name" in page and "the first with this wording" in page
    assert page.index("the first with this wording") < page.index("The others, as listed")
    assert len(names(page)) == len(set(names(page))) == 50
    assert len(names(gallery.get("/?show=rows").text)) == 50
    assert names(gallery.get("/?show=rows&after=50").text)[0] == "Gardener 50"


def test_each_kind_of_message_has_a_card(gallery: ServedGallery) -> None:
    assert [(kind.first, kind.count) for kind in gallery.live.state.rendering.kinds] == [(1, 61), (STEFAN, 1)]
    assert "2 kinds of message" in gallery.get("/").text


def test_rows_without_a_message_say_why(gallery: ServedGallery) -> None:
    page = unescape(gallery.get("/?show=problems").text)
    assert names(page) == ["Many", "Gus", "Again"]
    assert "the address stands in an earlier row" in page and "points" in page


def test_two_messages_are_chosen_and_compared_without_script(
    browser: Browser, gallery: ServedGallery
) -> None:
    page = opened(browser, gallery, script=False, row=1)
    page.click("text=Compare")
    page.locator(".choose", has_text="Gardener 0").wait_for()
    page.click("text=Ștefan Wiśniewski")
    page.locator("h1", has_text="Other paragraphs").wait_for()
    page.wait_for_url(re.compile(rf"/compare\?row=1-\w{{8}}&against={STEFAN}-"))
    marked = page.locator("tr.differs th bdi").all_text_contents()
    assert marked == ["email", "name", "note", "points"]
    assert "Your plot: Behind the old pear tree" in "".join(page.locator("pre ins").all_text_contents())
    for place, words in ((0, "Spring is here, Gardener 0"), (1, "Spring is here, Ștefan")):
        page.frame_locator(f".pair iframe >> nth={place}").get_by_text(words).wait_for()
    page.context.close()


@pytest.mark.parametrize("query", ["", "row=1", "row=1&against=999", "row=a&against=b"])
def test_a_comparison_without_two_rows_leads_to_the_list(gallery: ServedGallery, query: str) -> None:
    answer = gallery.get(f"/compare?{query}")
    assert (answer.status, answer.headers["location"]) == (303, "./")


def test_a_comparison_with_a_row_without_a_message_says_why(gallery: ServedGallery) -> None:
    assert "points" in unescape(gallery.get("/compare?row=1&against=63").text).split("</article>")[0]


def test_orders_of_the_list_go_on_from_page_to_page(gallery: ServedGallery) -> None:
    by_name = names(gallery.get("/?show=names").text)
    assert by_name[:4] == ["<script>document.title='stolen'</script>", "Again", "Gardener 0", "Gardener 1"]
    last = re.findall(r"after=(\d+)", gallery.get("/?show=names").text)[-1]
    rest = names(gallery.get(f"/?show=names&after={last}").text)
    assert sorted(by_name + rest) == sorted(set(by_name + rest))
    assert (len(by_name) + len(rest), rest[-1]) == (65, "Ștefan Wiśniewski")
    heaviest = gallery.get("/?show=heaviest").text
    assert names(heaviest)[0] == "Ștefan Wiśniewski"
    last = re.findall(r"after=(\d+)", heaviest)[-1]
    light = names(gallery.get(f"/?show=heaviest&after={last}").text)
    assert len({*names(heaviest), *light}) == 62


def test_findings_stand_beside_their_message_and_lead_to_the_others_with_them(gallery: ServedGallery) -> None:
    page = unescape(gallery.get(f"/?row={STEFAN}").text)
    found = page.split('id="findings"')[1]
    assert "An image has no width" in found and "in every message" in found
    assert "recipients have such a mailbox" not in found
    with ServedGallery(gallery.folder, "spring") as other:
        for kind in other.live.state.rendering.found.values():
            rows = names(other.get(f"/?finding={kind.bit}").text)
            assert len(rows) == min(kind.count, 50)


def test_each_header_field_is_explained_and_folded_as_it_is_sent(gallery: ServedGallery) -> None:
    page = unescape(gallery.get("/?row=1&part=headers").text)
    assert "<code>List-Unsubscribe</code>" in page and "RFC 2369" in page


def test_a_message_can_be_seen_as_gmail_cuts_it(tmp_path: Path) -> None:
    project = Project(garden(tmp_path, "http://127.0.0.1:9"))
    letter = LETTER.format(o="http://127.0.0.1:9").replace("</h1>", f"</h1><p>{'more ' * 22_000}</p>")
    project.put("templates/letter.html", letter)
    with ServedGallery(tmp_path, "spring") as gallery:
        page = unescape(gallery.get("/?row=1").text)
        whole, cut = (gallery.get(f"/frame?row=1&length={word}").text for word in ("whole", "cut"))
    assert "and with it 1 of 1 link" in page and "Links: <bdi>Unsubscribe</bdi>" in page
    assert ("Unsubscribe" in whole, "Unsubscribe" in cut, "Spring is here" in cut) == (True, False, True)


@pytest.mark.parametrize(
    "query",
    [
        "row=99999",
        "row=x",
        "row=-1",
        "part=exe",
        "after=9e9",
        "row=1-zz",
        "finding=99999999999999999999",
        "show=heaviest&after=77",
        "q=%00",
        "q='",
    ],
)
def test_a_query_of_any_kind_has_a_page(gallery: ServedGallery, query: str) -> None:
    assert gallery.get(f"/?{query}").status == 200
    assert gallery.get(f"/frame?{query}").status == 200


def test_no_images_is_a_policy(gallery: ServedGallery) -> None:
    policies = [gallery.get(f"/frame?row=1&images={word}").headers[CSP] for word in ("on", "off")]
    assert "img-src data:" in policies[0] and "img-src 'none'" in policies[1]
    assert all("sandbox allow-popups" in policy and "default-src 'none'" in policy for policy in policies)


@pytest.mark.parametrize("path", ["/", "/frame?row=1", "/compare?row=1&against=2"])
def test_it_is_closed_to_other_sites_and_without_a_session(gallery: ServedGallery, path: str) -> None:
    assert ask(gallery.port, "GET", path).status == 401
    assert gallery.get(path, {"Host": f"evil.example:{gallery.port}"}).status == 421
    assert gallery.get(path, {"Host": "127.0.0.1:1"}).status == 421


@pytest.mark.parametrize(("path", "root"), [("/nowhere", "./"), ("/c/spring", "../")])
def test_what_is_not_there_has_a_page_that_leads_back(gallery: ServedGallery, path: str, root: str) -> None:
    answer = gallery.get(path)
    assert answer.status == 404 and "There is no such page" in answer.text
    assert f'href="{root}"' in answer.text and f'href="{root}static/dashboard.css"' in answer.text


def test_its_link_works_once_and_the_form_from_elsewhere_never(gallery: ServedGallery) -> None:
    token = gallery.entrance.new_link()
    body = urlencode({"t": token}).encode()
    assert ask(gallery.port, "POST", "/enter", body, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert ask(gallery.port, "POST", "/enter", body, {"Sec-Fetch-Site": "same-site"}).status == 403
    first = ask(gallery.port, "POST", "/enter", body, {"Sec-Fetch-Site": "same-origin"})
    assert first.status == 303 and "samesite=strict" in first.headers["set-cookie"].lower()
    assert ask(gallery.port, "POST", "/enter", body, {"Sec-Fetch-Site": "same-origin"}).status == 403
    assert token not in "".join(gallery.log)


def test_a_browser_enters_by_the_link(browser: Browser, gallery: ServedGallery) -> None:
    page = new_context(browser).new_page()
    page.goto(f"{gallery.url}enter?t={gallery.entrance.new_link()}")
    page.click("text=Look at them")
    page.wait_for_url(gallery.url)
    page.locator(".rows", has_text="Gardener 0").wait_for()
    page.context.close()
