"""What a message costs beyond the inlining of its CSS: `python -m bench.composition`.

A newsletter of 25 KB with 20 values in the HTML, in three campaigns: the text made from the HTML, a text
template of its own, and values that are hard to spell.  Microseconds a message, the best of several
rounds; `--profile` shows where they go.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailrunner.model.tokens import TokenSigner, message_id
from mailrunner.rendering import MessageFields, Renderer

ROUNDS = 15
NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
PLAIN = ("Ana", "Pop", "Cluj", "Old Oak Street")
HARD = ("Ștefan", "O'Neil & Sons", "Sântana de Mureș", "Straße 5 = 7")
STYLE = "".join(
    f".s{n}{{color:#{n:02x}3040;font-size:{n + 10}px;padding:{n}px 4px;font-family:Arial,sans-serif}}"
    for n in range(30)
)
CARD = """<tr><td class="s{n}"><h2 class="s{m}">{{{{ first_name }}}}, part {n}</h2>
<p class="s{n}">{prose}</p><p class="s{m}">In {{{{ city }}}}: <a
href="https://example.org/{n}/{{{{ number }}}}">read on</a></p></td></tr>
"""
PROSE = "The club meets on Monday, and everyone is welcome to bring something they made themselves. " * 15
HTML = (
    f"<html><head><style>{STYLE}</style></head><body><table>"
    + "".join(CARD.format(n=n, m=n + 9, prose=PROSE) for n in range(1, 7))
    + '<tr><td>{{ street }}<a href="{{ unsubscribe_url }}">Leave</a></td></tr></table></body></html>'
)
TEXT = f"Dear {{{{ first_name }}}},\n\n{PROSE}\n\nIn {{{{ city }}}}.\n\n{{{{ unsubscribe_url }}}}\n"


@dataclass(frozen=True)
class Spec:
    """A [message] table."""

    text: str | None = None
    from_: str = "Ana Pop <ana@example.org>"
    reply_to: str | None = "office@example.org"
    subject: str = "{{ first_name }}, spring is here"
    html: str | None = "news.html"
    markdown: str | None = None
    mjml: str | None = None
    frame: str | None = None
    locale: str | None = None
    locale_column: str | None = None
    postal_address: str | None = "Club, 1 Park Street, Cluj"
    attachments: Sequence[str] = ()
    headers: dict[str, str] = None  # type: ignore[assignment]
    vars: dict[str, object] = None  # type: ignore[assignment]


def message_fields(names: Sequence[str], many: int) -> list[MessageFields]:
    """Made before the clock starts: the row and the tokens are measured elsewhere."""
    signer = TokenSigner((b"secret",))
    first, last, city, street = names
    found = []
    for number in range(many):
        url = f"https://news.example.org/u/{signer.token('unsubscribe', number)}"
        row = {"first_name": f"{first}{number}", "city": city, "street": street, "number": str(number)}
        found.append(
            MessageFields(
                address=f"person{number}@example.net",
                name=f"{first} {last}",
                context={**row, "row": row},
                message_id=message_id(signer, number, "example.org"),
                delivery_token=signer.token("message", number),
                unsubscribe_url=url,
                list_unsubscribe=(url, "mailto:leave@example.org?subject=unsubscribe%20token"),
                one_click=True,
                return_path="ana@example.org",
            )
        )
    return found


def renderer(folder: Path, spec: Spec) -> Renderer:
    return Renderer(
        folder=folder,
        templates_dir=folder,
        spec=spec,
        kind="bulk",
        campaign_id="spring",
        list_name="Club news",
        list_id="Club news <club-news.example.org>",
    )


def best(action: Callable[[], object], many: int) -> float:
    """Microseconds for one of `many`, in the best round."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times) / many * 1e6


def exhaust(messages: Iterable[object]) -> None:
    """Make them, and keep none: memory that is never given back would be measured too."""
    deque(messages, maxlen=0)


def measure(name: str, made: Renderer, people: list[MessageFields]) -> None:
    for person in people[:5]:
        made.render(person, NOW)  # a shape is planned at its second sight
    contexts = [{**p.context, "unsubscribe_url": p.unsubscribe_url} for p in people]
    template, inliner = made._content.html, made._inliner
    assert template is not None
    inlining = best(lambda: exhaust(inliner.inline(template, context) for context in contexts), len(people))
    whole = best(lambda: exhaust(made.render(person, NOW) for person in people), len(people))
    size = len(made.render(people[0], NOW).data)
    print(f"{name:28} {size / 1000:7.1f} {inlining:9.1f} {whole:7.1f} {whole - inlining:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "news.html").write_text(HTML, encoding="utf-8")
        (folder / "news.txt").write_text(TEXT, encoding="utf-8")
        nothing = {"headers": {}, "vars": {}}
        if arguments.profile:
            made, people = renderer(folder, Spec(**nothing)), message_fields(PLAIN, 5000)
            profile = cProfile.Profile()
            profile.runcall(lambda: exhaust(made.render(person, NOW) for person in people))
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
            return
        print(f"{'µs a message':28} {'KB':>7} {'inlining':>9} {'whole':>7} {'beyond':>7}")
        measure("text from the HTML", renderer(folder, Spec(**nothing)), message_fields(PLAIN, 300))
        measure(
            "text template", renderer(folder, Spec(text="news.txt", **nothing)), message_fields(PLAIN, 300)
        )
        measure("hard values", renderer(folder, Spec(**nothing)), message_fields(HARD, 300))


if __name__ == "__main__":
    main()
