"""The long form: soaks one after the other for some minutes; the first broken promise ends it."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import nullcontext
from itertools import count

from tests.crash.databases import empty_database, postgresql_server
from tests.soak.soak import Found, soak
from tests.support.imap_server import ImapServer

_STEPS = 60  # of one world


def main() -> int:
    """Soak; 1 if anything was wrong, with the way to see it again."""
    options = _options()
    began = time.monotonic()
    steps = commands = accepted = misled = 0
    with postgresql_server() as server, ImapServer() as imap:
        for seed in count(options.seed):
            # Of both, every third world has its ledger in PostgreSQL.
            there = options.ledger == "postgresql" or (options.ledger == "both" and seed % 3 == 0)
            with empty_database(server.url) if there else nullcontext("") as database:
                box = imap.mailbox(f"world{seed}")
                found = soak(seed, options.steps or _STEPS, postgresql=database, mailbox=box)
            steps, commands = steps + found.steps, commands + found.commands
            accepted, misled = accepted + found.accepted, misled + found.misled
            if found.wrong:
                _show(seed, found, options.ledger)
                return 1
            if options.steps or time.monotonic() - began > 60 * options.minutes:
                break
    unchecked = f"{misled} of them ({misled / max(1, accepted):.1%}) under a clock that misled the cap"
    sys.stdout.write(
        f"{steps} steps, {commands} commands, {accepted} messages accepted, {unchecked}; nothing is wrong\n"
    )
    return 0


def _show(seed: int, found: Found, ledger: str) -> None:
    for line in found.trace[-25:]:
        sys.stdout.write(f"  {line}\n")
    for sentence in found.wrong:
        sys.stdout.write(f"WRONG: {sentence}\n")
    sys.stdout.write(f"again: python -m tests.soak --seed {seed} --steps {found.steps} --ledger {ledger}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    minutes = parser.add_argument(
        "--for", dest="minutes", type=float, default=10.0, help="begin no new world after so many minutes"
    )
    minutes.metavar = "MINUTES"
    parser.add_argument("--ledger", choices=("both", "sqlite", "postgresql"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the next has the next")
    parser.add_argument("--steps", type=int, default=0, help="one world, with so many steps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
