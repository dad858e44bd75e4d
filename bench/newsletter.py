"""The message that everything here sends: a newsletter of 25 KB with 20 personal places, and its list."""

from __future__ import annotations

import csv
from pathlib import Path

COLUMNS = ("email", "first_name", "last_name", "city", "member_no", "points", "since", "branch")
_TOWNS = ("Cluj", "Iași", "München", "Málaga", "Reykjavík", "Paris", "Wien", "Leeds")
_NAMES = ("Ana", "Jörg", "Ștefan", "Zoë", "Håkan", "Maria", "Liam", "Inês")

CSS = """
body { margin: 0; padding: 0; background: #f2f4f1; color: #223; font: 16px/1.5 Georgia, serif; }
table { border-collapse: collapse; } td { vertical-align: top; }
.page { width: 100%; background: #f2f4f1; } .card { width: 600px; background: #fff; border-radius: 8px; }
.text { padding: 12px 36px 28px; } h1 { margin: 20px 0 10px; font: bold 27px/1.2 Georgia, serif; color: #264; }
h2 { margin: 22px 0 6px; font: bold 18px/1.3 Georgia, serif; color: #264; } p { margin: 0 0 12px; }
a { color: #264; } a.button { display: inline-block; padding: 12px 24px; background: #264; color: #fff;
  text-decoration: none; border-radius: 6px; } .quiet { color: #677; font: 12px/1.5 Verdana, sans-serif; }
.tile { padding: 14px 18px; background: #eef3ea; } .tile p { margin: 0; } .label { font: 11px/1.4 Verdana; color: #577;
  text-transform: uppercase; letter-spacing: 1px; } .value { font: bold 20px/1.2 Georgia; color: #264; }
ul.items { margin: 0 0 12px; padding: 0 0 0 20px; } ul.items li { margin: 0 0 6px; } .foot { padding: 18px 36px; }
.foot p, .foot a { color: #677; font: 12px/1.5 Verdana, sans-serif; } .right { text-align: right; }
@media (max-width: 620px) { .card { width: 100% !important; } .text { padding: 6px 18px !important; } }
"""

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>News for {{ first_name }}</title>
<style>%s</style></head>
<body><table class="page" role="presentation"><tr><td align="center"><table class="card" role="presentation">
<tr><td class="text"><h1>Hello {{ first_name }} {{ last_name }}</h1>
<p>Spring has come to {{ city }}, and the {{ branch }} branch has a full programme for you.</p>
<table role="presentation"><tr><td class="tile"><p class="label">Member</p><p class="value">{{ member_no }}</p></td>
<td class="tile"><p class="label">Points</p><p class="value">{{ points }}</p></td>
<td class="tile"><p class="label">With us since</p><p class="value">{{ since }}</p></td></tr></table>
{%% if points|int > 500 %%}<p>You may bring <strong>two guests</strong>, {{ first_name }}.</p>{%% endif %%}
<p><a class="button" href="https://club.example.org/m/{{ member_no }}?city={{ city|urlencode }}">Your page</a></p>
"""
_STORY = """<h2>Chapter %(n)d: what the gardeners found</h2>
<p>In the %(n)d. week of the season the beds behind the glasshouse were dug over, and what came to light was
written down by hand, weighed, and laid out on the long table, so that everybody could look at it. Those who were
there tell that nobody went home before dark, and that the tea lasted until the very end.</p>
<ul class="items"><li>Seeds are given out on Tuesday, from four o'clock on, in the small hall.</li>
<li>Tools that were lent in autumn come back to the shed, please with a name tag.</li>
<li>The path by the river stays closed; use the bridge at the mill instead.</li></ul>
<p class="quiet">Told by the committee%(reader)s.</p>
"""
_READER = ", and read by {{ first_name }}"
_FOOT = """</td></tr><tr><td class="foot"><p>{{ postal_address }}</p>
<p class="right"><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></td></tr></table></td></tr></table></body></html>
"""


def template(stories: int = 14) -> str:
    """The HTML template: 25 KB once its CSS is inlined."""
    told = ({"n": n, "reader": _READER if n % 2 else ""} for n in range(1, stories + 1))
    return _HEAD % CSS + "".join(_STORY % story for story in told) + _FOOT


def person(number: int) -> dict[str, str]:
    """One row of the list, with names and towns that are not plain ASCII."""
    return {
        "email": f"person{number}@example.org",
        "first_name": _NAMES[number % 8],
        "last_name": f"Pop{number}",
        "city": _TOWNS[number // 8 % 8],
        "member_no": f"{number:07d}",
        "points": str(number * 37 % 1000),
        "since": str(1980 + number % 44),
        "branch": ("northern", "southern")[number % 2],
    }


def write_list(path: Path, number: int) -> None:
    """A CSV of so many people, 76 bytes a row."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(map(person, range(number)))


_PROJECT = """
{database}
[unsubscribe]
base_url = "https://news.example.org"
[accounts.relay]
provider = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none"
connections = {connections}
messages_per_connection = 100000
{account}
"""
_CAMPAIGN = """
account = "relay"
list = "Club news"
[message]
from = "Ana Pop <ana@example.org>"
subject = "{{ first_name }}, spring is here"
html = "news.html"
postal_address = "Club, 1 Park Street, Cluj"
[recipients]
csv = "data/people.csv"
"""


def write_project(
    folder: Path, *, port: int, people: int, connections: int, account: str = "", database: str = ""
) -> None:
    """A whole project; its campaign is called `spring`."""
    for name in ("campaigns", "templates", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    values = {"port": port, "connections": connections, "account": account, "database": database}
    (folder / "mailrunner.toml").write_text(_PROJECT.format(**values), encoding="utf-8")
    (folder / "campaigns" / "spring.toml").write_text(_CAMPAIGN, encoding="utf-8")
    (folder / "templates" / "news.html").write_text(template(), encoding="utf-8")
    write_list(folder / "data" / "people.csv", people)
