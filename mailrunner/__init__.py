"""mailrunner: a bulk and newsletter mailing job runner that can be killed at any moment.

    from mailrunner import Project
    Project(".").campaign("spring").run()

The API is documented in `docs/api.md`.  The listing of this package is the path of a message;
`docs/architecture.md` tells it in one page.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailrunner.errors import LedgerError, MailrunnerError, Problem, UserError
    from mailrunner.sending.python_api.campaign import CampaignHandle as Campaign
    from mailrunner.sending.python_api.project import ProjectHandle as Project

__version__ = "0.2.0"
__all__ = ["Campaign", "LedgerError", "MailrunnerError", "Problem", "Project", "UserError"]

# Imported when they are first asked for: `import mailrunner` is cheap.
_PLACES = {
    "Campaign": ("sending.python_api.campaign", "CampaignHandle"),
    "LedgerError": ("errors", "LedgerError"),
    "MailrunnerError": ("errors", "MailrunnerError"),
    "Problem": ("errors", "Problem"),
    "Project": ("sending.python_api.project", "ProjectHandle"),
    "UserError": ("errors", "UserError"),
}


def _imported(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    found: object = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = found
    return found


if not TYPE_CHECKING:  # or a type checker would let every name pass
    __getattr__ = _imported


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
