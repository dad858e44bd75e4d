"""What servers write, by meaning: an ordered table of patterns; `mailrunner.replies.rules` applies it.

The order of `TEXTS` decides: whose limits are spent, the sender and the set-up, the road, the
recipient, the content.  A new wording goes into the row whose meaning it has.
"""

from __future__ import annotations

from mailrunner.replies.contents import CONTENT
from mailrunner.replies.limits import LIMITS
from mailrunner.replies.mailboxes import RECIPIENT, REFUSED
from mailrunner.replies.road import ROAD
from mailrunner.replies.senders import SENDER

TEXTS = (*LIMITS, *SENDER, *ROAD, *RECIPIENT, *CONTENT, *REFUSED)
