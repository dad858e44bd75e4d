"""`mailrunner login`: let an account that logs in by OAuth be used, and try it at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import completion
from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import complain, local
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.account import Account
    from mailrunner.config.oauth import OAuthSettings
    from mailrunner.transports.oauth.access import AccessTokens
    from mailrunner.transports.oauth.token import Login


@command(app, "login", panel=SET_UP)
def login(
    context: CommandContext,
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT",
            help="Name of the account in mailrunner.toml.",
            autocompletion=completion.accounts,
        ),
    ],
    device: Annotated[
        bool, typer.Option("--device", help="Type a code on another device instead (Microsoft only).")
    ] = False,
    paste: Annotated[
        bool,
        typer.Option("--paste", help="Paste the address that a browser on another computer ends at."),
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Only show who is logged in, and until when.")] = False,
) -> Exit:
    """Log in to an account with login = "oauth", in a browser, and try SMTP and IMAP.

    Example: mailrunner login club
    """
    from mailrunner.transports.oauth.access import AccessTokens
    from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError

    chosen = context.project.account(account)
    settings = oauth_of(context, chosen)
    tokens = AccessTokens.of(settings, context.clock)
    try:
        if show:
            return _show(context, tokens)
        _obtain(context, settings, tokens, device=device, paste=paste)
    except GrantRefusedError as error:
        complain(str(error), "nothing was changed")
        return Exit.CREDENTIALS
    except TokenUnavailableError as error:
        complain(f"the login did not come about: {error}", "nothing was changed; try again later")
        return Exit.LATER
    return _try(context, chosen)


def oauth_of(context: CommandContext, account: Account) -> OAuthSettings:
    """The account's settings for tokens; UserError where it has none."""
    if account.oauth is None:
        raise UserError(
            Problem(
                "this account logs in without OAuth",
                file=context.project.file.name,
                key=f"accounts.{account.name}",
                hint='for OAuth write login = "oauth" and its table, as docs/login.md says',
            )
        )
    return account.oauth


def _refuse_example(settings: OAuthSettings) -> None:
    """Raise UserError where the app is still the one of the example, which no provider knows."""
    from mailrunner.config.oauth import EXAMPLE

    if EXAMPLE in settings.client_id:
        raise UserError(
            Problem(
                "the client id is still the example's",
                key=f"accounts.{settings.account}.oauth.client_id",
                hint="register an app of your own, as docs/login.md says, and put its id into .env",
            )
        )


def _obtain(
    context: CommandContext, settings: OAuthSettings, tokens: AccessTokens, *, device: bool, paste: bool
) -> None:
    """Get the tokens and keep them; raises what stands in the way."""
    _refuse_example(settings)
    from mailrunner.cli.login_flows import consent
    from mailrunner.transports.oauth.grant import is_attended
    from mailrunner.transports.oauth.token import signed_in_as

    if not is_attended(settings):
        tokens.renewed(None)
        context.say(f"{settings.account}: a token was granted to {settings.flow}; no user has to log in")
        return
    if settings.refresh_token:
        raise UserError(
            Problem(
                "refresh_token in mailrunner.toml is what this account logs in with",
                key=f"accounts.{settings.account}.oauth",
                hint="remove it there to log in here",
            )
        )
    answer = consent(context, settings, device=device, paste=paste)
    _check_user(context, tokens, signed_in_as(answer))
    _say_end(context, tokens, tokens.keep(answer))


def _check_user(context: CommandContext, tokens: AccessTokens, signed_in: str) -> None:
    """Refuse another Google account than the one of the file; Microsoft's may be a shared mailbox."""
    from mailrunner.config.identity import one_spelling

    wanted, provider = tokens.grant.user, tokens.grant.provider
    if not signed_in or one_spelling(signed_in, provider) == one_spelling(wanted, provider):
        return
    if provider == "google":
        raise UserError(
            Problem(
                f"{signed_in} has signed in, but the account's user is {wanted}",
                key=f"accounts.{tokens.grant.account}.user",
                hint=f"sign in as {wanted}, or correct user; nothing was changed",
            )
        )
    context.say(f"{signed_in} has signed in: that fits if {wanted} is a mailbox shared with that user")


def _say_end(context: CommandContext, tokens: AccessTokens, login: Login) -> None:
    name = f"{tokens.grant.account} ({login.signed_in_as or tokens.grant.user})"
    context.result(f"{name}: logged in. {_end(tokens, login.ends_at)}")


def _end(tokens: AccessTokens, ends_at: datetime | None) -> str:
    """Until when a login holds, as far as that is known."""
    if ends_at:
        return (
            f"It ends on {local(ends_at)}, as Google limits apps in status Testing to 7 days: "
            "publish the app (docs/login.md), then log in once more."
        )
    if tokens.grant.provider == "google":
        return "It holds until it is revoked, the password is changed, or it is not used for six months."
    return "It holds until the password is changed, an administrator ends it, or it is not used for 90 days."


def _show(context: CommandContext, tokens: AccessTokens) -> Exit:
    """Who is logged in; no secret is shown."""
    tokens.require_login()
    login = tokens.login()
    if login is None or not login.grant_id:
        context.result(f"{tokens.grant.account}: logs in by what mailrunner.toml says; no user has to")
        return Exit.DONE
    context.result(
        f"{tokens.grant.account}: {login.signed_in_as or tokens.grant.user}, "
        f"logged in on {local(login.logged_in_at)}. {_end(tokens, login.ends_at)}\n"
        f"  kept in {tokens.store.file}"
    )
    return Exit.DONE


def _try(context: CommandContext, account: Account) -> Exit:
    """Log in to the mail servers with the token, as a campaign will."""
    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
    from mailrunner.model.outcome import Scope
    from mailrunner.sending.account_transports import transports_for

    transport = transports_for(account, context.clock)()
    try:
        refused = transport.open()
    finally:
        transport.close()
    if refused:
        complain(f"{account.host} does not let it in: {refused.reason}", "the login itself is kept")
        return Exit.CREDENTIALS if refused.scope is Scope.CREDENTIALS else Exit.LATER
    if account.api:
        context.result(f"{account.host} is reached; mailrunner send-test shows that it takes the token")
    else:
        context.result(f"{account.host} lets it in: campaigns can be sent")
    if account.imap is None:
        return Exit.DONE
    try:
        with ImapMailbox.open(account.imap, ca_file=account.ca_file, timeout=min(account.timeout, 60)):
            context.result(f"{account.imap.host} lets it in: bounces and the Sent folder can be read")
    except (ImapLoginRefusedError, ImapUnavailableError) as error:
        context.say(f"Sending works; reading the mailbox does not: {error}")
    return Exit.DONE
