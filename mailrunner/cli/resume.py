"""`mailrunner resume`: continue every campaign that was begun."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.options import JsonOption, SameLedgerOption, WaitOption


@command(app, "resume", panel=SEND)
def resume(
    context: CommandContext,
    wait: WaitOption = False,
    same_ledger: SameLedgerOption = False,
    as_json: JsonOption = False,
) -> Exit:
    """Continue every campaign that was begun; made for cron.

    A campaign that was never run is left alone.
    """
    from mailrunner.cli.resume_round import ResumeRound
    from mailrunner.cli.run_summary import say_summary
    from mailrunner.sending.python_api.ledger_states import account_states
    from mailrunner.sending.python_api.status import CampaignStatus, ProjectStatus

    opened = context.existing_ledger(same=same_ledger, patient=wait)
    with opened as ledger, context.event_log() as log, context.hooks:
        round_ = ResumeRound(context, ledger, log, wait=wait)
        round_.go()
        if as_json:
            campaigns = (*map(CampaignStatus.of_run, round_.results), *round_.broken)
            accounts = account_states(context.project, ledger)
            answer = ProjectStatus(campaigns=campaigns, accounts=accounts).as_dict()
            context.json({key: answer[key] for key in ("campaigns", "accounts")})
        else:
            for result in round_.results:
                say_summary(context, result)
            for record in round_.stopped:
                context.say(f"{record.id} is {record.phase}: {record.reason}")
            if not round_.results and not round_.broken:
                context.say("There is no campaign to continue.")
    return first_of(round_.codes)
