"""mailrunner: a bulk and newsletter mailing job runner that can be killed at any moment.

The listing of this package is the path of a message; `docs/architecture.md` tells it in one page.
"""

__version__ = "0.2.0"
