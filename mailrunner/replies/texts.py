"""Texts of servers, by meaning: an ordered table of patterns; `mailrunner.replies.judging` applies it.

The order of `TEXTS` decides: whose limits are spent, the sender and the set-up, the session, the
recipient, the content.  A new wording goes into the row whose meaning it has.
"""

from __future__ import annotations

from mailrunner.replies.content_texts import CONTENT
from mailrunner.replies.limit_texts import LIMITS
from mailrunner.replies.recipient_texts import RECIPIENT
from mailrunner.replies.refused_texts import REFUSED
from mailrunner.replies.sender_texts import SENDER
from mailrunner.replies.session_texts import SESSION_TEXTS

TEXTS = (*LIMITS, *SENDER, *SESSION_TEXTS, *RECIPIENT, *CONTENT, *REFUSED)
