"""`mailrunner unpause`: let a paused campaign go on."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument


@command(app, "unpause", panel=SEND)
def unpause(context: CommandContext, campaign: CampaignArgument) -> None:
    """End the pause of a campaign: the next `run` or `resume` continues it."""
    handle = context.handle.campaign(campaign)
    handle.unpause()
    name = handle.id
    context.result(f"{name} is no longer paused. To go on: mailrunner run {name}, or mailrunner resume")
