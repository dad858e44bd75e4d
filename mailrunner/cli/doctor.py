"""`mailrunner doctor`: what stands between an account and its recipients' inboxes."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.options import JsonOption
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.account import Account
    from mailrunner.sending.doctor.examination import Examination
    from mailrunner.sending.doctor.finding import Finding

# Seconds since the command began.  Nothing is waited for later, so whatever of network, name servers and
# ledger is dead, the command ends within the 15 that its help promises.
_ANSWERS_BY, _ALL_BY = 8.0, 9.5
_MARKS = {"ok": "✓", "info": "·", "unknown": "?", "warning": "!", "fault": "✗"}
_RULE_MARKS = {"met": "✓", "not met": "✗", "cannot be known": "?"}


@command(app, "doctor", panel=BEFORE_SENDING)
def doctor(
    context: CommandContext,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Name of the account. Default: all of them.")
    ] = None,
    send: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Also send one real message to yourself, and read it back by IMAP: what of it arrived, "
            "and how receivers judge it.",
        ),
    ] = None,
    eml: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Look at a message of ours that arrived elsewhere, saved as .eml."),
    ] = None,
    as_json: JsonOption = False,
) -> Exit:
    """Examine ports, TLS, login, the DNS of the sender's domain, the one-click address and the clock.

    Takes 15 seconds at most without --send. Ends with 0 if all is well, 1 with warnings, 78 with faults.

    Example: mailrunner doctor gmail
    """
    project = context.project
    names = [account] if account is not None else list(project.account_names)
    if not names:
        raise UserError(
            Problem("there is no account", file=project.file.name, hint="add a table [accounts.NAME]")
        )
    accounts = [project.account(name) for name in names]
    arrived = _arrived(context, accounts, send, eml)
    # A message to oneself may take minutes, which are not counted.
    context.began = time.monotonic() if arrived else context.began
    until, click_url = context.began + _ANSWERS_BY, _click_url(context)
    examined = [(each, _examination(context, each, click_url, until)) for each in accounts]
    results = _with_learned(context, examined, arrived)
    if as_json:
        context.json({"accounts": [_object(name, findings) for name, findings in results]})
    else:
        context.result("\n".join(line for name, findings in results for line in _lines(name, findings)))
    return first_of([_exit(findings) for _, findings in results])


def _arrived(
    context: CommandContext, accounts: list[Account], send: str | None, eml: Path | None
) -> list[Finding]:
    """What a message to oneself tells, where one is sent or given."""
    from mailrunner.cli import doctor_send
    from mailrunner.model.written_address import read_address
    from mailrunner.sending.doctor.examination import on_lines

    if send is None and eml is None:
        return []
    if len(accounts) != 1:
        hint = "name one: mailrunner doctor ACCOUNT --send ADDRESS"
        raise UserError(Problem("a message goes through one account", key="ACCOUNT", hint=hint))
    found = doctor_send.of_file(eml) if eml else []
    if send is not None:
        try:
            address = read_address(send).address.wire
        except ValueError as error:
            raise UserError(Problem(str(error), key="--send")) from None
        found += doctor_send.by_sending(context, accounts[0], address)
    return [on_lines(finding) for finding in found]


def _with_learned(
    context: CommandContext, examined: list[tuple[Account, Examination]], arrived: list[Finding]
) -> list[tuple[str, list[Finding]]]:
    """The findings by account, and what was learned of it before; what is learned now is kept.

    A ledger may be as far away as any name server: what it did not do by `_ALL_BY` is left behind in its
    thread, and is one more finding.
    """
    from concurrent.futures import wait

    from mailrunner.errors import LedgerError
    from mailrunner.sending.doctor.examination import on_lines
    from mailrunner.sending.doctor.finding import Finding, Level
    from mailrunner.sending.opening_threads import OpeningThreads

    visit = OpeningThreads(1).submit(_learned, context, examined, arrived)
    wait([visit], timeout=max(0.0, context.began + _ALL_BY - time.monotonic()))
    if not visit.done():
        what = "the ledger did not answer in time, so what was learned earlier is not shown"
        found = Finding("ledger", Level.UNKNOWN, what, remedy="is its server reached from here?")
    elif isinstance(error := visit.exception(), LedgerError):
        found = on_lines(Finding("ledger", Level.FAULT, error.message, remedy=error.hint))
    else:
        return visit.result()
    return [(each.name, [*examination.findings(), *arrived, found]) for each, examination in examined]


def _learned(
    context: CommandContext, examined: list[tuple[Account, Examination]], arrived: list[Finding]
) -> list[tuple[str, list[Finding]]]:
    """The same by the ledger, which is opened while the answers are awaited.

    A project that never recorded anything has none, and none is made for this.
    """
    from mailrunner.sending.doctor.learned import facts_of, learned_findings

    with context.existing_ledger() as ledger:
        results = []
        for account, examination in examined:
            findings = [*examination.findings(), *arrived]
            ledger.accounts.learn(account.identity, facts_of(findings, ledger.clock.now()))
            learned = learned_findings(ledger.accounts.learned(account.identity), findings, account.name)
            results.append((account.name, [*findings, *learned]))
        return results


def _examination(
    context: CommandContext, account: Account, click_url: Callable[[], str] | None, until: float
) -> Examination:
    from mailrunner.sending.doctor.examination import Examination

    return Examination(
        account=account,
        clock=context.clock,
        from_domains=_from_domains(context, account),
        bounce_domain=_domain(account.return_path or ""),
        click_url=click_url,
        until=until,
    )


def _from_domains(context: CommandContext, account: Account) -> tuple[str, ...]:
    """The domains of From of the account's campaigns."""
    from mailrunner.campaign.folder import tables

    domains = []
    for _, table in tables(context.project):
        message = table.get("message")
        sender = message.get("from") if isinstance(message, dict) else None
        if table.get("account") == account.name and isinstance(sender, str):
            domains.append(_domain(parseaddr(sender)[1]))
    return tuple(dict.fromkeys(filter(None, domains)))


def _domain(address: str) -> str:
    """The domain of an address as DNS knows it, "" where it has none."""
    from mailrunner.model.tokens import a_label

    domain = address.rpartition("@")[2].casefold().rstrip(".") if "@" in address else ""
    return a_label(domain) if domain else ""


def _click_url(context: CommandContext) -> Callable[[], str] | None:
    """What waits for the one-click address with the token of a test; None where there is no address.

    The token is signed with a secret of the ledger, which may be far away.
    """
    from mailrunner.model.tokens import UNSUBSCRIBE, unsubscribe_url
    from mailrunner.sending.opening_threads import OpeningThreads
    from mailrunner.store.schema import CAMPAIGN_SHIFT

    base = context.project.unsubscribe.base_url
    if base is None:
        return None

    def made() -> str:
        with context.existing_ledger() as ledger:
            token = context.signer(ledger).token(UNSUBSCRIBE, randbits(CAMPAIGN_SHIFT))
        return unsubscribe_url(base, token)

    return OpeningThreads(1).submit(made).result


def _lines(name: str, findings: list[Finding]) -> list[str]:
    from mailrunner.sending.doctor.bulk_rules import rules_table

    lines = [f"{name}:"]
    for finding in findings:
        lines.append(f"  {_MARKS[finding.level]} {finding.check:<10} {finding.what}")
        lines += [f"      {finding.evidence}"] if finding.evidence else []
        lines += [f"      → {finding.remedy}"] if finding.remedy else []
    lines.append("  rules for bulk senders:")
    for rule, owners, answer in rules_table(findings):
        lines.append(f"  {_RULE_MARKS[answer]} {answer + ':':<16} {rule} ({', '.join(owners)})")
    return lines


def _object(name: str, findings: list[Finding]) -> dict[str, Any]:
    """One account as JSON shows it; the keys are a contract."""
    from mailrunner.sending.doctor.bulk_rules import rules_table
    from mailrunner.sending.doctor.examination import worst

    return {
        "name": name,
        "worst": worst(findings).value,
        "findings": [
            {
                "check": finding.check,
                "level": finding.level.value,
                "what": finding.what,
                "evidence": finding.evidence,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
        "rules": [
            {"rule": rule, "of": list(owners), "answer": answer}
            for rule, owners, answer in rules_table(findings)
        ],
    }


def _exit(findings: list[Finding]) -> Exit:
    from mailrunner.sending.doctor.examination import worst

    return {"fault": Exit.SETUP, "warning": Exit.SOME_FAILED}.get(worst(findings).value, Exit.DONE)
