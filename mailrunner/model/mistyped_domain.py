"""Domains that are probably slips of the keys for one of the big mailbox providers; only ever a remark."""

from __future__ import annotations

import difflib
from functools import lru_cache

# Domains of mailbox providers, as their own sign-up pages offer them.
_PROVIDERS_TEXT = """
    gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca yahoo.ro
    yahoo.co.in yahoo.co.jp yahoo.com.br ymail.com rocketmail.com hotmail.com hotmail.co.uk hotmail.fr
    hotmail.de hotmail.it hotmail.es hotmail.nl hotmail.be outlook.com outlook.fr outlook.de outlook.es
    outlook.it live.com live.fr live.de live.nl live.it live.co.uk msn.com icloud.com me.com mac.com
    aol.com aol.de protonmail.com proton.me fastmail.com zoho.com mail.com gmx.de gmx.net gmx.at gmx.ch
    gmx.com web.de t-online.de freenet.de arcor.de posteo.de mailbox.org wanadoo.fr orange.fr free.fr
    laposte.net sfr.fr bluewin.ch skynet.be telenet.be ziggo.nl kpnmail.nl libero.it virgilio.it
    alice.it tiscali.it comcast.net verizon.net att.net sbcglobal.net cox.net btinternet.com sky.com
    bigpond.com yandex.ru yandex.com mail.ru rambler.ru ukr.net seznam.cz centrum.cz wp.pl onet.pl o2.pl
    interia.pl freemail.hu citromail.hu abv.bg mail.bg docomo.ne.jp ezweb.ne.jp softbank.ne.jp naver.com
    qq.com 163.com 126.com uol.com.br bol.com.br terra.com.br telefonica.net
"""
_PROVIDERS = frozenset(_PROVIDERS_TEXT.split())
# Real domains that merely look like such slips.
_REAL_TEXT = """
    email.com fmail.com rmail.com zmail.com hmail.com email.de mail.de mail.bg mail.ee gmx.fr gmx.es
    gmx.us me.de mac.de sky.de live.ca live.be live.se live.dk live.no live.at live.ie web.com
    webmail.de free.com free.de orange.com orange.pl orange.es freemail.de aol.fr aol.it aol.co.uk
    att.com cox.com o2.de o2.co.uk msn.de wp.com 139.com 189.com cock.li tuta.com yandex.by yandex.kz
    yandex.ua hotmail.ca hotmail.se hotmail.ch hotmail.gr outlook.at outlook.be outlook.pt outlook.jp
    yahoo.gr yahoo.in yahoo.pl yahoo.se yahoo.com.au yahoo.com.ar yahoo.com.mx zoho.eu zohomail.com
    fastmail.fm proton.com pm.me alice.com tele2.it tele2.nl uni.de inbox.ru list.ru bk.ru arcor.com
"""
_REAL = frozenset(_REAL_TEXT.split())
_SLIPS_OF_COM = ("co", "cm", "om", "cn")
_LONG_ENOUGH = 7  # characters: among shorter domains a neighbour is too often real


@lru_cache(maxsize=1 << 14)
def suggestion(domain: str) -> str | None:
    """The provider's domain that `domain` is probably a slip of the keys for; None where it is none."""
    folded = domain.lower()
    name, _, top = folded.rpartition(".")
    if folded in _PROVIDERS or folded in _REAL:
        return None
    if name in _NAMES and len(top) == 2 and top not in _SLIPS_OF_COM:
        return None  # the same name in another country is mostly real: orange.ro
    if len(folded) >= _LONG_ENOUGH:
        one_off = sorted(known for known in _PROVIDERS if _is_one_slip(folded, known))
        if one_off:
            return min(one_off, key=lambda known: (known != "gmail.com", _top(known) != _top(folded), known))
    return next(iter(difflib.get_close_matches(folded, _LONG_NAMES, n=1, cutoff=0.88)), None)


_NAMES = frozenset(name.rpartition(".")[0] for name in _PROVIDERS)
_LONG_NAMES = [name for name in sorted(_PROVIDERS) if len(name) >= 9]


def _top(domain: str) -> str:
    return domain.rpartition(".")[2]


def _is_one_slip(typed: str, meant: str) -> bool:
    """True if one character is missing, too many, another one, or changed places with its neighbour."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), None)
    if start is None:
        return len(typed) != len(meant)
    rest, wanted = typed[start:], meant[start:]
    return (
        rest[1:] == wanted[1:]
        or rest[1:] == wanted
        or rest == wanted[1:]
        or (rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    )
