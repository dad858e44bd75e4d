"""The sandbox of all that a campaign file may have evaluated: templates, and the `where` of a list.

Jinja's own keeps an expression away from the program; this one also bounds what an expression may cost.
"""

from mailrunner.config.jinja_sandbox.code import BoundedCode
from mailrunner.config.jinja_sandbox.environment import BoundedSandbox
from mailrunner.config.jinja_sandbox.work_meter import METER, WORK, TooMuchWorkError

__all__ = ["METER", "WORK", "BoundedCode", "BoundedSandbox", "TooMuchWorkError"]
