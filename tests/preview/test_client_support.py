"""Which features a message uses, told by tokens, and in which mail programs of the list it breaks."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from mailrunner.preview.client_support import lacking_support
from mailrunner.preview.client_support.html_features import LARGEST, features_of
from mailrunner.preview.client_support.support_table import support_table

# A declaration, and what it uses beside its own property; "-" before what it must not be taken for.
DECLARATIONS = {
    "text-transform: uppercase": "css-text-transform -css-transform",
    "display : grid": "css-display css-display-grid -css-display-flex",
    "display:inline-flex": "css-display css-display-flex",
    "display:none!important": "css-display-none css-important",
    "display: /* grid */ block": "css-display -css-display-grid",
    "content: 'display:flex'": "-css-display -css-display-flex",
    "--accent: red": "css-variables",
    "color: var(--accent)": "css-variables",
    "background: url(x.png) no-repeat": "css-background css-background-image",
    "background: #fff": "css-background -css-background-image",
    "background-image: linear-gradient(red, blue)": "css-background-image css-linear-gradient",
    "background: -webkit-linear-gradient(red, blue)": "css-linear-gradient",
    "width: calc(100% - 2em)": "css-width css-unit-calc css-unit-percent css-unit-em",
    "width: clamp(1rem, 2vw, 3vh)": "css-function-clamp css-unit-rem css-unit-vw css-unit-vh",
    "width: min-content": "css-intrinsic-size -css-function-min",
    "width: min(1px, 2px)": "css-function-min css-unit-px",
    "margin-left: 4px": "css-margin",
    "padding-inline-start: 4px": "css-padding-inline-start-end -css-padding",
    "border-top-width: 1px": "css-border",
    "border-radius: 4px": "css-border-radius -css-border",
    "column-gap: 1px": "css-gap",
    "top: 0": "css-left-right-top-bottom",
    "color: rgba(0,0,0,.5)": "css-rgba -css-rgb",
    "color: OKLCH(0.5 0.2 30)": "css-modern-color",
    "font-family: system-ui": "css-sytem-ui",
    "color: initial": "css-unit-initial",
    "-webkit-box-shadow: none": "css-box-shadow",
    "grid-template-columns: 1fr": "css-grid-template",
    "broken": "-css-display",
}
SHEETS = {
    "@media only screen and (max-width: 600px) { p { float: left } }": "css-at-media css-float",
    "@media (prefers-color-scheme: dark) { p { color: red } }": "css-at-media-prefers-color-scheme",
    "@media (min-width: 1px) { .dark { color: red } }": "-css-at-media-prefers-color-scheme",
    "@import url(x.css);": "css-at-import",
    "@font-face{font-family:x;src:url(x)}": "css-at-font-face -css-background-image",
    "@-webkit-keyframes x { from { left: 0 } }": "css-at-keyframes",
    "@supports (display: grid) { p { color: red } }": "css-at-supports -css-display-grid",
    "a:hover { color: red }": "css-pseudo-class-hover css-selector-type",
    "p::before { color: red }": "css-pseudo-element-before",
    "p:before { color: red }": "css-pseudo-element-before",
    "li:nth-child(2n) { color: red }": "css-pseudo-class-nth-child",
    "p:has(> a) { color: red }": "css-pseudo-class-has -css-selector-descendant",
    "a > b { color: red }": "css-selector-child -css-selector-descendant",
    "a b { color: red }": "css-selector-descendant",
    "a , b { color: red }": "css-selector-grouping -css-selector-descendant",
    "a + b { color: red }": "css-selector-adjacent-sibling",
    "a ~ b { color: red }": "css-selector-general-sibling",
    ".a.b { color: red }": "css-selector-class css-selector-chaining",
    "#a { color: red }": "css-selector-id",
    "a[href] { color: red }": "css-selector-attribute",
    "* { color: red }": "css-selector-universal",
    "p { a { color: red } }": "css-nesting",
    "/* a:hover { display: flex } */ p { color: red }": "css-comments -css-pseudo-class-hover",
}
BODIES = {
    "<video src='a.mp4'></video>": "html-video image-mp4",
    "<svg></svg>": "html-svg",
    "<input> <button>": "html-input-text html-button-submit",
    "<input type=checkbox required>": "html-input-checkbox html-required",
    "<a href='#here'>": "html-anchor-links",
    "<a href='#'>": "-html-anchor-links",
    "<a href='MAILTO:a@b.de'>": "html-mailto-links",
    "<img src='https://x/y.WEBP?1' srcset='a'>": "image-webp html-srcset",
    "<img src='data:image/svg+xml;base64,AA'>": "image-svg image-base64",
    "<img src='cid:logo.png'>": "image-png -image-base64",
    "<p style='color:red'>": "-html-style",
    "<table background='x.png' align=left>": "html-background html-align html-table",
    "<main><h2>": "html-semantics html-h1-h6",
    "<!--[if mso]><div style='display:grid'></div><![endif]-->": "-css-display-grid",
    "<!-- <video> -->": "-html-video",
}
CASES = [
    *((f'<p style="{css}">x</p>', wanted) for css, wanted in DECLARATIONS.items()),
    *((f"<style>{css}</style>", wanted) for css, wanted in SHEETS.items()),
    *BODIES.items(),
]
FLEX = '<div style="display:flex"><p>a</p></div>'


@pytest.mark.parametrize(("html", "wanted"), CASES, ids=[html for html, _ in CASES])
def test_features_are_told_by_tokens(html: str, wanted: str) -> None:
    found = features_of(f"<html><body>{html}</body></html>")
    for word in wanted.split():
        assert (word.lstrip("-") in found) is not word.startswith("-"), found


def test_a_message_that_is_too_long_or_empty_uses_nothing_that_is_known() -> None:
    assert features_of("") == features_of(" \0") == features_of("<p>" * LARGEST) == {}


def test_what_breaks_is_told_by_the_mailboxes_of_the_list() -> None:
    (gmx,) = lacking_support(FLEX, {"gmx.de": 3, "gmx.at": 2, "gmail.com": 9})
    assert (gmx.feature, gmx.breaks, gmx.recipients, gmx.uses) == ("display:flex", True, 5, 1)
    assert gmx.programs == ("Outlook on Windows", "GMX in the browser")
    (elsewhere,) = lacking_support(FLEX, {"company.example": 100})
    assert (elsewhere.recipients, elsewhere.programs) == (0, ("Outlook on Windows",))


def test_what_only_fades_comes_behind_what_breaks() -> None:
    html = '<p style="box-shadow:0 0 1px red">x</p>' + FLEX
    found = lacking_support(html, {"gmx.de": 1, "yahoo.fr": 100})
    assert [(each.feature, each.breaks) for each in found] == [("display:flex", True), ("box-shadow", False)]


def test_what_matters_on_phones_alone_is_no_matter_of_a_computer() -> None:
    html = "<style>@media (max-width:1px){p{color:red}}</style><p>x</p>"
    assert "@media" not in [each.feature for each in lacking_support(html, {"company.example": 1})]


@pytest.mark.parametrize("domain", ["notgmx.de", "gmx", "web.de.example"])
def test_another_domain_is_not_taken_for_a_known_one(domain: str) -> None:
    assert [each.recipients for each in lacking_support(FLEX, {domain: 7})] == [0]


def test_the_table_has_each_feature_and_client_that_is_weighed_and_its_notice() -> None:
    folder = files("mailrunner") / "data" / "caniemail"
    weighed = tomllib.loads(folder.joinpath("weight.toml").read_text("utf-8"))
    table = support_table()
    named = {*weighed["breaks"], *weighed["fades"], *weighed["phones"]["features"]}
    assert named <= table.features.keys()
    assert [program.name for program in table.programs if not program.clients] == []
    assert len(table.features) > 300
    assert "MIT" in folder.joinpath("NOTICE.txt").read_text("utf-8")
