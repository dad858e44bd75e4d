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
    from mailrunner.sending.handles.look import account_states
    from mailrunner.sending.handles.status import CampaignStatus, ProjectStatus

    with context.existing_ledger(same=same_ledger) as ledger, context.event_log() as log, context.hooks:
        round_ = ResumeRound(context, ledger, log)
        round_.go(wait=wait)
        if as_json:
            campaigns = (*map(CampaignStatus.of_run, round_.results), *round_.broken)
            accounts = account_states(context.project, ledger)
            context.json(ProjectStatus(campaigns=campaigns, accounts=accounts).as_dict())
        else:
            for result in round_.results:
                say_summary(context, result)
            for record in round_.stopped:
                context.say(f"{record.id} is {record.phase}: {record.reason}")
            if not round_.results and not round_.broken:
                context.say("There is no campaign to continue.")
    return first_of(round_.codes)
