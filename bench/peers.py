"""Other programs that send the same newsletter, each in an environment of its own below build/."""

from __future__ import annotations

import subprocess
import tempfile
import venv
from pathlib import Path

from bench import machine, newsletter

_PYTHON, _NODE = Path("build/bench-peers"), Path("build/bench-node")
_PACKAGES = ("mailmerge==2.3.0", "premailer", "jinja2", "aiosmtplib", "css-inline")
_USUAL_SCRIPT = """
import csv, smtplib, sys
from email.message import EmailMessage
import jinja2, premailer
port, number = int(sys.argv[1]), int(sys.argv[2])
page = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader("templates")).get_template("news.html")
for count, row in enumerate(csv.DictReader(open("data/people.csv", encoding="utf-8"))):
    if count == number:
        break
    html = page.render(row, postal_address="Club, 1 Park Street", unsubscribe_url="https://news.example.org/u/1")
    message = EmailMessage()
    message["From"], message["To"] = "Ana Pop <ana@example.org>", row["email"]
    message["Subject"] = f"{row['first_name']}, spring is here"
    message.set_content("See the HTML part.")
    message.add_alternative(premailer.transform(html, allow_network=False), subtype="html")
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(message)
"""
_ASYNC_SCRIPT = """
import asyncio, csv, itertools, sys
from email.message import EmailMessage
import aiosmtplib, css_inline, jinja2
port, number = int(sys.argv[1]), int(sys.argv[2])
page = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader("templates")).get_template("news.html")
inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
rows = itertools.islice(csv.DictReader(open("data/people.csv", encoding="utf-8")), number)


async def send():
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as server:
        for row in rows:
            html = page.render(row, postal_address="Club", unsubscribe_url="https://news.example.org/u/1")
            message = EmailMessage()
            message["From"], message["To"] = "Ana Pop <ana@example.org>", row["email"]
            message["Subject"] = f"{row['first_name']}, spring is here"
            message.set_content("See the HTML part.")
            message.add_alternative(inliner.inline(html), subtype="html")
            await server.send_message(message)


async def main():
    await asyncio.gather(*(send() for _ in range(16)))


asyncio.run(main())
"""
_NODE_SCRIPT = """
const fs = require("fs"), nodemailer = require("nodemailer"), handlebars = require("handlebars");
const juice = require("juice"), { parse } = require("csv-parse/sync");
const [port, number] = process.argv.slice(2).map(Number);
const page = handlebars.compile(fs.readFileSync("page.html", "utf8"));
const rows = parse(fs.readFileSync("data/people.csv"), { columns: true, to: number });
const pool = nodemailer.createTransport({
  host: "127.0.0.1", port, pool: true, maxConnections: 16, maxMessages: Infinity, ignoreTLS: true });
Promise.all(rows.map((row) => pool.sendMail({
  from: "Ana Pop <ana@example.org>", to: row.email, subject: `${row.first_name}, spring is here`,
  text: "See the HTML part.",
  html: juice(page({ ...row, postal_address: "Club", unsubscribe_url: "https://news.example.org/u/1" })),
}))).then(() => pool.close());
"""


def environment() -> Path:
    """The Python of the Python programs."""
    python = _PYTHON / "bin" / "python"
    if not (_PYTHON / "complete").exists():
        venv.create(_PYTHON, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES], check=True)
        (_PYTHON / "complete").touch()
    return python.absolute()


def node_modules() -> Path:
    """Where the packages of npm lie."""
    if not (_NODE / "complete").exists():
        _NODE.mkdir(parents=True, exist_ok=True)
        packages = ("nodemailer@7", "handlebars@4", "juice@11", "csv-parse@6")
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(_NODE), *packages]
        subprocess.run(words, check=True)
        (_NODE / "complete").touch()
    return (_NODE / "node_modules").absolute()


def aiosmtplib(port: int, people: int, *, python: Path) -> machine.Use:
    """The script with kept connections."""
    return _script(port, people, python, _ASYNC_SCRIPT)


def usual_script(port: int, people: int, *, python: Path) -> machine.Use:
    """The script with premailer and a connection a message."""
    return _script(port, people, python, _USUAL_SCRIPT)


def mailmerge(port: int, people: int, *, python: Path) -> machine.Use:
    """mailmerge, which gets the HTML as it is."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        newsletter.write_list(home / "people.csv", people)
        (home / "server.conf").write_text(f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\n")
        head = "TO: {{email}}\nSUBJECT: {{first_name}}, spring is here\nFROM: Ana Pop <ana@example.org>\n"
        page = newsletter.template().replace("{{ postal_address }}", "Club")
        page = page.replace("{{ unsubscribe_url }}", "#")
        (home / "letter.txt").write_text(f"{head}CONTENT-TYPE: text/html\n\n{page}", encoding="utf-8")
        files = ("--template", "letter.txt", "--database", "people.csv", "--config", "server.conf")
        command = [str(python.with_name("mailmerge")), "--no-dry-run", "--no-limit", *files]
        return machine.run(command, cwd=home)


def nodemailer(port: int, people: int, *, modules: Path) -> machine.Use:
    """The script of Node.js; its template has no statement, as handlebars has no comparison."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        newsletter.write_project(home, port=port, people=people, connections=1)
        page = newsletter.template().replace("{% if points|int > 500 %}", "").replace("{% endif %}", "")
        (home / "page.html").write_text(page.replace("|urlencode", ""), encoding="utf-8")
        (home / "send.js").write_text(_NODE_SCRIPT, encoding="utf-8")
        (home / "node_modules").symlink_to(modules)
        return machine.run(["node", "send.js", str(port), str(people)], cwd=home)


def _script(port: int, people: int, python: Path, text: str) -> machine.Use:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        newsletter.write_project(home, port=port, people=people, connections=1)
        (home / "send.py").write_text(text, encoding="utf-8")
        return machine.run([str(python), "send.py", str(port), str(people)], cwd=home)
