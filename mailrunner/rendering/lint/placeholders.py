"""Placeholders of other systems that stand in a message as text: recipients would read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailrunner.rendering.lint.remark import Remark

_NOT_READ = re.compile(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_FIELD = re.compile(
    r"\{\{[^{}\n]{0,80}\}\}|\{%[^{}\n]{0,80}%\}|\*\|[\w:]{1,60}\|\*|\[\[[\w .:\"-]{1,60}\]\]|«[^\W_]\w*_\w*»"
    r"|%%[A-Za-z_][\w. -]{0,60}%%|\{\$\w{1,60}\}|\$\[\w{1,60}\]\$|\[[\w -]{1,40},\s*fallback=[^\]\n]*\]"
    r"|%[A-Z]{2,}_?NAME%|&lt;&lt;[A-Za-z]\w{0,60}&gt;&gt;|#recipient:\w{1,60}#"
)


def placeholder_remarks(fixed: str) -> Iterator[Remark]:
    """Look at the fixed text of a page: what a row holds is never taken for a placeholder."""
    page = _NOT_READ.sub("", fixed)
    for text in (_TAG.sub("", page), page):
        for found in _FIELD.finditer(text):
            sentence = (
                "a placeholder of another system, or one that the editor has split, stands there as text"
            )
            yield Remark(sentence, f"{found[0][:60]}; mailrunner import reads such files")
            return
