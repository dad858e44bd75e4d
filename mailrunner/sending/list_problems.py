"""Problems that keep a changed list or message from being taken over, in words for the user."""

from __future__ import annotations

from mailrunner.errors import Problem
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import CampaignRecord, ListDrift


def not_given(prepared: PreparedCampaign) -> Problem:
    """The problem of a list that only the program which gave it can give again."""
    return Problem(
        "its recipients came from a program, which has to give them again",
        file=prepared.file,
        key="recipients",
        hint=f'run it from there: Project().campaign("{prepared.campaign.id}", recipients=…).run(); '
        "or use --refresh to take the list that the file names",
    )


def other_variants(record: CampaignRecord) -> Problem:
    """The problem of variants that come or go while a campaign is sent: the report could not tell them."""
    return Problem(
        "a campaign that was begun keeps its variants",
        file=record.file,
        key="variants",
        hint="their subjects may change (--accept-changes); for other variants make a new campaign",
    )


def finished(prepared: PreparedCampaign, what: str) -> Problem:
    """The problem of changes to a campaign of which all was sent."""
    return Problem(
        f"the campaign is finished; it cannot be sent again with changes ({what})",
        file=prepared.file,
        hint=f"make a new one: mailrunner new NAME --from {prepared.campaign.id}",
    )


def shrunk(record: CampaignRecord, drift: ListDrift) -> Problem:
    """The problem of a list that lost too many recipients."""
    lost = (
        "the list is empty"
        if drift.rows == 0
        else f"{drift.left} of the {drift.queued} left are gone from it"
    )
    return Problem(
        f"the list shrank: {lost}",
        file=record.file,
        key="recipients",
        hint="nothing was sent; put the list right, or use --refresh if it is meant",
    )
