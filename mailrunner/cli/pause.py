"""`mailrunner pause`: stop sending a campaign until it is unpaused."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument


@command(app, "pause", panel=SEND)
def pause(context: CommandContext, campaign: CampaignArgument) -> None:
    """Pause a campaign until `unpause`.

    A run that is sending stops before its next message.
    """
    handle = context.handle.campaign(campaign)
    handle.pause()
    context.result(f"{handle.id} is paused. To go on: mailrunner unpause {handle.id}")
