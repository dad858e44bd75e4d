"""`mailrunner logout`: revoke a login by OAuth, and forget it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import completion
from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.login import oauth_of
from mailrunner.cli.output import complain

if TYPE_CHECKING:
    from mailrunner.config.oauth import OAuthSettings
    from mailrunner.transports.oauth.access import AccessTokens


@command(app, "logout", panel=SET_UP)
def logout(
    context: CommandContext,
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT",
            help="Name of the account in mailrunner.toml.",
            autocompletion=completion.accounts,
        ),
    ],
) -> Exit:
    """Revoke what `login` got for an account, and forget it on this machine.

    Example: mailrunner logout club
    """
    from mailrunner.transports.oauth.access import AccessTokens
    from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError

    settings = oauth_of(context, context.project.account(account))
    tokens = AccessTokens.of(settings, context.clock)
    try:
        revoked = _revoke(tokens)
    except (GrantRefusedError, TokenUnavailableError) as error:
        hint = f"nothing was forgotten; try again later, or delete {tokens.store.file}"
        complain(f"the login could not be revoked: {error}", hint)
        return Exit.LATER
    was_there = tokens.forget()
    context.result(f"{account}: {_sentence(settings, revoked=revoked, was_there=was_there)}")
    if settings.refresh_token:
        context.say("refresh_token still stands in mailrunner.toml or .env: remove it there")
    return Exit.DONE


def _revoke(tokens: AccessTokens) -> bool:
    """Revoke the login at the provider; False where there is none, or the provider has no way to do so."""
    from mailrunner.transports.oauth import token_flows
    from mailrunner.transports.oauth.grant import endpoints, is_attended

    grant, login = tokens.grant, tokens.login()
    given = grant.refresh_token.get_secret_value() if grant.refresh_token else ""
    token = (login.refresh_token if login else "") or given
    if not token or not is_attended(grant) or not endpoints(grant).revoke:
        return False
    token_flows.revoke(grant, token)
    return True


def _sentence(settings: OAuthSettings, *, revoked: bool, was_there: bool) -> str:
    from mailrunner.transports.oauth.advice import TITLES, revocation_page

    if revoked:
        return "logged out: the login was revoked and forgotten"
    if not was_there:
        return "it was not logged in"
    return (
        f"the login was forgotten on this machine; {TITLES[settings.provider]} lets only its user revoke it, "
        f"at {revocation_page(settings)}"
    )
