"""CSS moved from <style> into style attributes, as many mail programs want it.

premailer does the work.  Its traps are kept in here:

- It has one small cache for everything in the process, sized when it is imported; a few templates
  make it thrash (three times slower).  `PREMAILER_CACHE*` is set before the import unless the
  environment has it.
- cssutils fetches what `@import` names, whatever premailer is told.  Nothing is ever fetched here;
  the rule stays in the sheet for the mail program to follow.
- That cache is keyed by argument only, so `<p style="p">` with a rule for `p` gets a selector where
  declarations are due.  Such a message is tried again with an empty cache and without the attributes
  that declare nothing.
- A doctype is lost unless it is spelled exactly as libxml2 spells it.
- cssutils logs every property that it does not know.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from mailrunner.errors import RowError
from mailrunner.rendering.inlining.limits import require_inlinable

_PROLOGUE = re.compile(r"\A\s*(?:<\?xml[^>]*\?>)?\s*(?P<doctype><!doctype[^>]*>)?", re.IGNORECASE)
_DECLARES_NOTHING = re.compile(r"""\sstyle\s*=\s*(?:"[^":]*"|'[^':]*'|[^\s"'>:]+(?=[\s>]))""", re.IGNORECASE)
_NOTHING = re.compile(r"(?:\s|<!--.*?-->|<!(?!--)[^>]*>)*+", re.DOTALL)
_CACHE = {"PREMAILER_CACHE": "LRU", "PREMAILER_CACHE_MAXSIZE": "20000"}
_SHEETS = 64

# cssutils keeps the state of its parser and its log per process, so one message at a time.
one_at_a_time = threading.Lock()


class PremailerInliner:
    """premailer with the one set of options that keeps @media, @font-face, !important and comments.

    `keep_style_tags` keeps the sheet verbatim, without it @font-face is dropped; `strip_important`
    would also strip inside @media and so break responsive overrides.
    """

    def __init__(self) -> None:
        self._transform: Callable[[str], str] | None = None

    def inline(self, html: str) -> str:
        """Return the document with its CSS inlined; fragments become documents.

        Raises RowError if premailer cannot make anything of it.
        """
        html = prepared(html)
        with one_at_a_time:
            parsed(html)  # premailer has no way to ask its own parser
            transform = self._transform = self._transform or _premailer()
            try:
                return transform(html)
            except (TypeError, AttributeError):  # the cache answered with a thing of another kind
                return self._second_try(html, transform)
            except Exception as error:
                raise _failed(error) from error

    def _second_try(self, html: str, transform: Callable[[str], str]) -> str:
        from premailer.cache import cache

        cache.clear()
        try:
            return transform(_DECLARES_NOTHING.sub("", html))
        except Exception as error:
            raise _failed(error) from error


def prepared(html: str) -> str:
    """Return the document as premailer is given it; raise RowError if that is nothing, or too much."""
    require_inlinable(html)
    html = _PROLOGUE.sub(lambda prologue: _doctype(prologue["doctype"]), html, count=1)
    if _NOTHING.fullmatch(html):
        raise RowError("the HTML is empty")
    return html


def parsed(html: str) -> Any:
    """Parse a document as premailer does; raise RowError where libxml2 would leave out a part of it.

    It ends in silence at 256 open elements and at texts of 10 MB, and what follows reached no reader.
    """
    from lxml import etree

    parser = etree.HTMLParser()
    tree = etree.fromstring(html, parser).getroottree()
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise RowError("the HTML nests more than 250 elements deep, or is too large; make it simpler")
    return tree


@lru_cache(maxsize=_SHEETS)
def _doctype(declared: str | None) -> str:
    """Spell a doctype as libxml2 does: premailer keeps no other, nor the comments that follow it."""
    from lxml import etree

    if not declared:
        return ""
    return str(etree.fromstring(f"{declared}<p>", etree.HTMLParser()).getroottree().docinfo.doctype)


def _failed(error: Exception) -> RowError:
    return RowError(f"the CSS of this message cannot be inlined: {error}")


def offline_premailer() -> Callable[[str], Any]:
    """Import premailer, in the environment that it needs, and fix its options.

    Returns what makes of a document something that can `transform()` it.
    """
    for name, value in _CACHE.items():
        os.environ.setdefault(name, value)
    import cssutils
    from premailer import Premailer

    cssutils.log.setLevel(logging.CRITICAL)
    parser = cssutils.CSSParser(fetcher=lambda url: None, validate=False)
    parse = lru_cache(maxsize=_SHEETS)(parser.parseString)

    class Offline(Premailer):  # type: ignore[misc]
        """Reads sheets with the parser that fetches nothing."""

        def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:
            return parse(css_body)

    return partial(
        Offline,
        allow_network=False,
        keep_style_tags=True,
        remove_classes=False,
        strip_important=False,
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
    )


def _premailer() -> Callable[[str], str]:
    offline = offline_premailer()
    return lambda html: str(offline(html).transform())
