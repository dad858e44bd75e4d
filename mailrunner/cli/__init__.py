"""The command line: one module for each command, called after it.

Heavy libraries are imported inside the commands that need them, so that `--help` stays quick.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in `signals`: nothing slow comes before the signals are taken
if TYPE_CHECKING:
    import typer

# In the order in which a user needs them; the help lists them so within each panel.
_MODULES = (
    "init",
    "new",
    "import_document",
    "login",
    "logout",
    "providers",
    "dkim.new",
    "dkim.show",
    "dkim.check",
    "demo",
    "check",
    "doctor",
    "preview",
    "send_test",
    "run",
    "resume",
    "schedule",
    "status",
    "quota",
    "pause",
    "unpause",
    "cancel",
    "report",
    "resolve",
    "requeue",
    "purge",
    "inbox",
    "suppress.add",
    "suppress.remove",
    "suppress.list",
    "suppress.history",
    "suppress.import_file",
    "suppress.export",
    "suppress.forget",
    "suppress.confirm_empty",
    "serve",
    "work",
    "workers",
    "catch",
    "dashboard",
    "ledger.copy",
    "ledger.machines",
)


def commands() -> typer.Typer:
    """The application with all its commands registered."""
    for module in _MODULES:
        import_module(f"mailrunner.cli.{module}")
    from mailrunner.cli.app import app

    # A module may have been imported before, by a program that uses it alone.
    order = {f"mailrunner.cli.{module}": place for place, module in enumerate(_MODULES)}
    app.registered_commands.sort(key=lambda known: order[known.callback.__module__] if known.callback else 0)
    return app


def main() -> None:
    """Run the command line; the first thing that it does is to take the signals."""
    from mailrunner.cli.signals import SIGNALS

    SIGNALS.take()
    commands()()
