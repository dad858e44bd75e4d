"""Placeholders of other systems, and those that an editor has split or quoted, as Jinja's.

An editor puts tags into a placeholder (`{{ <span>Vorname</span> }}`), curls its quotes and encodes it in
links (`{{%20url%20}}`).  Here it is joined again, in the place of its name, so that its style stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

import jinja2

from mailrunner.rendering.documents.columns import ColumnNames
from mailrunner.rendering.documents.markup import INLINE, MarkupPiece, with_attributes

# Each part is bounded: what begins a placeholder may stand a hundred thousand times in a document.
_FIELD = re.compile(
    # Jinja, Handlebars, Liquid, Brevo, HubSpot
    r"\{\{\{?(?P<braces>[^{}]{0,1000}(?:\{[^{}]{0,1000}\}[^{}]{0,1000}){0,9})\}\}\}?"
    r"|\{%(?P<statement>.{0,1000}?)%\}"
    r"|\*\|(?P<mailchimp>[^|\n]{1,80})\|\*"  # Mailchimp, Mandrill
    r"|\[\[(?P<brackets>[^\[\]\n]{1,80})\]\]"  # Constant Contact, GetResponse, Mailjet
    r"|%%(?P<percents>[A-Za-z_][\w. -]{0,60})%%"  # Salesforce Marketing Cloud
    r"|%(?:recipient\.)(?P<mailgun>[\w.-]{1,60})%"
    r"|%(?P<percent>[A-Z][A-Z_]{2,}[A-Z0-9_-]*|unsubscribe_url|unsubscribe_email)%"  # ActiveCampaign
    r"|\{\$(?P<dollar>\w{1,60})\}"  # MailerLite
    r"|\$\[(?P<zoho>[\w:. -]{1,60})\]\$"
    r"|#recipient:(?P<moosend>[\w -]{1,60})#"
    r"|\[(?P<monitor>[\w -]{1,40}),\s*fallback\s*=(?P<monitor_or>[^\]\n]{0,80})\]"  # Campaign Monitor, Sendy
    r"|\[subscriber:(?P<mailpoet>\w{1,40})(?:\s*\|\s*default:(?P<mailpoet_or>[^\]\n]{0,80}))?\]"
    r"|\[%\s*(?:member:)?(?P<emma>[^\W\d_][\w -]{0,60})\s*%\]"  # Emma, Mailingwork
    r"|\{contactfield=(?P<mautic>\w{1,60})(?:\|(?P<mautic_or>[^{}\n]{0,80}))?\}"
    r"|\{!(?P<aweber>[A-Za-z_]\w{0,60})\}"
    r"|«(?P<word>[^\W_][\w. -]{0,60})»"  # Word
    r"|<<(?P<angles>[A-Za-z_][\w .-]{0,60})>>"
    r"|\$\{(?P<shell>\w{1,60})\}"
    r"|(?<!\{)\{(?P<brace>[^\W\d_][\w .-]{1,40})(?:\|(?P<brace_or>[^{}|\n]{0,80}))?\}(?!\})"  # GMass, YAMM
    r"|\[(?P<bracket>[^\W\d_][\w .-]{1,40})\]"  # phpList, Inxmail
    r"|<(?P<angle>[^\W\d_][\w .-]{1,40})>"  # LibreOffice
    r"|@(?P<at>[A-Z][A-Z_]{2,40})@",  # Dotdigital
    re.DOTALL,
)
# They are ordinary text, too: the first three only with a name that other systems have as well.
_IF_KNOWN = frozenset({"word", "brace", "shell", "bracket", "angle", "at"})
_IF_A_COLUMN = frozenset({"bracket", "angle", "at"})
_OPENING = re.compile(r"[{\[«%*$#<@]|&(?:laquo|lt|#171|#xab);", re.IGNORECASE)
_QUOTES = str.maketrans({**dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‘’‚‛′", "'")})
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_PREFIXES = re.compile(
    r"(?:\.?(?:contact|subscriber|customer|person|params|user|recipients?|merge|data|var|profile|lead|attribs)"
    r"(?:[.:]|\s*\|\s*))+",
    re.IGNORECASE,
)
_SIMPLE = re.compile(r"[^\W_][\w .@/-]*")
_DEFAULT = re.compile(
    r"(?P<name>[\w. -]+?)\s*\|\s*default\s*(?::\s*|\()\s*(?P<text>\"[^\"]*\"|'[^']*')\s*(?:,\s*true\s*)?\)?",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"personalization_token\(\s*['\"](?P<name>[\w.]+)['\"]\s*(?:,\s*(?P<text>\"[^\"]*\"|'[^']*'))?\s*\)"
)
_OR = re.compile(r"(?P<name>.+?)\s+OR\s+(?P<text>\"[^\"]*\"|'[^']*')")
_MAILCHIMP_IF = re.compile(r"(IF|IFNOT|ELSEIF):\s*([\w:]+)(?:\s*([!<>]?=|[<>])\s*(.*))?")
_MAILCHIMP_FORM = re.compile(r"(TITLE|UPPER|LOWER|URL):(\w+)")
_MAILCHIMP_WORDS = {"IF": "if", "IFNOT": "if not", "ELSEIF": "elif"}
_FORMS = {"TITLE": "title", "UPPER": "upper", "LOWER": "lower", "URL": "urlencode"}
_ENCODED = re.compile(
    r"(?:\{|%7B){2}.{0,500}?(?:\}|%7D){2}|\*(?:\||%7C)[\w%:.-]{1,99}?(?:\||%7C)\*"
    r"|(?:\[|%5B){2}[^\]]{0,99}?(?:\]|%5D){2}|%C2%AB[\w.%-]{1,99}?%C2%BB",
    re.IGNORECASE | re.DOTALL,
)
# Placeholders that only their own system can fill.
_SYSTEM = re.compile(
    r"(?:MC(?:_PREVIEW_TEXT|:.*)|ARCHIVE|ARCHIVE_\w+|REWARDS|REWARDS_\w+|CURRENT_YEAR|DATE:.*|FORWARD|TWITTER:.*"
    r"|FACEBOOK:.*|SHARE.*|LIST:(?:DESCRIPTION|PHONE|URL|EMAIL|SUBSCRIBE|ADDRESS_VCARD\w*)|HTML:.*|USER:.*|ABOUT_LIST"
    r"|DESCRIPTION|POLLS?:.*|SURVEY:.*|RSS\w*:.*|view_?online\w*|web_?version\w*|mirror|webversionlink|view_in_browser)",
    re.IGNORECASE,
)


@dataclass
class MergeFields:
    """Translates the placeholders of one document; what it did stands in the sets afterwards."""

    names: ColumnNames
    certain: frozenset[str] = frozenset()  # names that the document itself calls merge fields
    joined: int = 0
    straightened: int = 0
    dropped: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def in_texts(self, pieces: Sequence[MarkupPiece]) -> list[MarkupPiece]:
        """The pieces with all placeholders in their texts and attributes translated."""
        done: list[MarkupPiece] = []
        run: list[MarkupPiece] = []
        for piece in pieces:
            if piece.kind == "text" or (piece.kind == "tag" and piece.name in INLINE):
                run.append(piece)
                continue
            done += self._run(run)
            run = []
            done.append(self._attributes(piece))
        return [*done, *self._run(run)]

    def in_line(self, text: str) -> str:
        """A text without markup, all of it translated."""
        return _FIELD.sub(lambda found: self._translated(found) or found[0], text)

    def _run(self, run: list[MarkupPiece]) -> list[MarkupPiece]:
        """Texts that only inline tags part, with their placeholders joined again."""
        pieces = [self._attributes(piece) for piece in run]
        if not any(piece.kind == "text" and _OPENING.search(piece.text) for piece in run):
            return pieces
        characters = [
            (character, number, start, end)
            for number, piece in enumerate(pieces)
            if piece.kind == "text"
            for character, start, end in _characters(piece.text)
        ]
        joined = "".join(character for character, *_ in characters)
        edits: dict[int, list[tuple[int, int, str]]] = {}
        for found in _FIELD.finditer(joined):
            new = self._translated(found)
            if new is None:
                continue
            name = next(
                (n for n in range(found.start() + 2, found.end()) if joined[n].isalnum()), found.start()
            )
            home = characters[name][1]
            self.joined += len({characters[n][1] for n in range(found.start(), found.end())}) > 1
            for n in range(found.start(), found.end()):
                _, number, start, end = characters[n]
                edits.setdefault(number, []).append((start, end, new if n == name else ""))
            edits.setdefault(home, [])
        return [
            piece._replace(text=_edited(piece.text, edits[number])) if number in edits else piece
            for number, piece in enumerate(pieces)
        ]

    def _attributes(self, piece: MarkupPiece) -> MarkupPiece:
        if piece.kind != "tag" or "=" not in piece.text:
            return piece
        return piece._replace(text=with_attributes(piece.text, self._attribute))

    def _attribute(self, name: str, value: str) -> str | None:
        if not _OPENING.search(value):
            return None
        plain = _ENCODED.sub(lambda found: unquote(found[0]), value)
        if name == "style" or not _FIELD.search(plain):
            return None if plain == value else plain
        new = _FIELD.sub(lambda found: self._translated(found) or found[0], plain)
        if name in ("href", "src"):
            new = _without_added_scheme(new)
        return None if new == value else new

    def _translated(self, found: re.Match[str]) -> str | None:
        """Jinja for one placeholder, "" for one that is dropped; None leaves the text as it is."""
        kind = str(found.lastgroup).removesuffix("_or")
        fallback = (found.groupdict().get(f"{kind}_or") or "").strip()
        shown = found[0]
        inner = _straight(found[kind])
        self.straightened += inner != unescape(found[kind]).strip()
        if kind in _IF_KNOWN and not self._is_meant(kind, inner):
            if kind == "word" and " " not in inner:  # with a blank it is rather a quotation: « les amis »
                self.names.unknown[shown] = inner
            return None
        if kind == "statement":
            return f"{{% {inner.replace('&&', 'and').replace('||', 'or')} %}}"  # as in other languages
        if kind == "mailchimp":
            return self._mailchimp(inner, shown)
        if _SYSTEM.fullmatch(inner.strip("$ ")):
            self.dropped.add(shown)
            return ""
        if fallback:
            return self._field(inner, shown, fallback)
        return self._braces(inner, shown)

    def _is_meant(self, kind: str, name: str) -> bool:
        """True if what may be ordinary text is a placeholder."""
        if name in self.certain or (kind == "bracket" and name.isupper() and self.names.is_known(name)):
            return True
        return self.names.fits(name) if kind in _IF_A_COLUMN else self.names.is_known(name)

    def _mailchimp(self, inner: str, shown: str) -> str:
        if (block := self._mailchimp_block(inner, shown)) is not None:
            return block
        if _SYSTEM.fullmatch(inner) and not self.names.is_known(inner):
            self.dropped.add(shown)
            return ""
        if form := _MAILCHIMP_FORM.fullmatch(inner):
            return f"{{{{ {self.names.expression(form[2], shown)} | {_FORMS[form[1]]} }}}}"
        return self._field(inner, shown)

    def _mailchimp_block(self, inner: str, shown: str) -> str | None:
        """A statement; None for what is no block of Mailchimp's."""
        if condition := _MAILCHIMP_IF.fullmatch(inner):
            word, name, sign, value = condition.groups()
            test = "false"
            if not _SYSTEM.fullmatch(name):
                test = _comparison(self.names.expression(name, shown), sign, value)
            return f"{{% {_MAILCHIMP_WORDS[word]} {test} %}}"
        if inner.startswith("INTERESTED:"):  # groups that only Mailchimp knows
            self.dropped.add(shown)
            return "{% if false %}"
        return {"ELSE": "{% else %}", "END": "{% endif %}"}.get(inner.partition(":")[0])

    def _braces(self, inner: str, shown: str) -> str:
        if match := _TOKEN.fullmatch(inner) or _DEFAULT.fullmatch(inner) or _OR.fullmatch(inner):
            return self._field(match["name"], shown, (match["text"] or "")[1:-1])
        if block := _handlebars(inner):
            return self._handlebars(*block, shown)
        name = _PREFIXES.sub("", inner.lstrip("#./ "), count=1) if inner[:1] != "#" else inner
        if inner.startswith("recipient.") and name in ("name", "address"):
            return f"{{{{ {inner} }}}}"
        if _SIMPLE.fullmatch(name):
            return self._field(name, shown)
        # Mailjet, Marketo
        if ":" in name and (mailjet := re.fullmatch(r"([\w .-]+?):(?:default=)?\"?([^\"]*)\"?", name)):
            return self._field(mailjet[1], shown, mailjet[2])
        return self._expression(inner, shown)

    def _field(self, name: str, shown: str, fallback: str = "") -> str:
        expression = self.names.expression(_PREFIXES.sub("", name, count=1).strip(), shown)
        if fallback:
            quoted = fallback.replace("\\", "\\\\").replace('"', "'")
            return f'{{{{ {expression} | default("{quoted}", true) }}}}'
        return f"{{{{ {expression} }}}}"

    def _handlebars(self, word: str, rest: str, shown: str) -> str:
        if word == "if":
            return f"{{% if {self.names.expression(_PREFIXES.sub('', rest, count=1), shown)} %}}"
        if word == "unless":
            return f"{{% if not {self.names.expression(rest, shown)} %}}"
        if word == "else":
            return "{% else %}"
        if word in ("/if", "/unless"):
            return "{% endif %}"
        return self._raw(shown)

    def _expression(self, inner: str, shown: str) -> str:
        """An expression of Jinja's own; one that is none stays visible as it was."""
        try:
            jinja2.Environment(autoescape=True).parse(f"{{{{ {inner} }}}}")
        except jinja2.TemplateSyntaxError:
            return self._raw(shown)
        return f"{{{{ {inner} }}}}"

    def _raw(self, shown: str) -> str:
        self.unread.add(shown)
        return f"{{% raw %}}{shown}{{% endraw %}}"


def _comparison(expression: str, sign: str | None, value: str | None) -> str:
    """A test of Mailchimp's as Jinja's: columns are text, and are compared with numbers as such."""
    wanted = (value or "").strip().strip('"')
    if not wanted:
        return expression
    if sign in (">", "<", ">=", "<=") and re.fullmatch(r"-?\d+(?:\.\d+)?", wanted):
        return f"{expression} | float {sign} {wanted}"
    quoted = wanted.replace("\\", "\\\\").replace('"', "'")
    return f'{expression} {"==" if sign == "=" else sign} "{quoted}"'


def _handlebars(inner: str) -> tuple[str, str] | None:
    """The word and the rest of a block of Handlebars or Go; None for anything else."""
    found = re.fullmatch(
        r"(?:#\s*(if|unless|each|with)\s+(.*)|(else|/if|/unless|/each|/with)|([>!^&].*))", inner
    )
    if found is None:
        return None
    word = found[1] or found[3] or "other"
    return word, (found[2] or "").strip()


def _straight(text: str) -> str:
    """The text of a placeholder with straight quotes and plain blanks, without what is invisible."""
    return " ".join(_INVISIBLE.sub("", unescape(text)).translate(_QUOTES).split())


def _characters(text: str) -> list[tuple[str, int, int]]:
    """Each character as it is read, with the place of its spelling in the text."""
    found: list[tuple[str, int, int]] = []
    for match in re.finditer(
        r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});|.", text, re.DOTALL | re.IGNORECASE
    ):
        read = unescape(match[0])
        found += [
            (character, match.start(), match.end()) for character in (read if len(read) == 1 else match[0])
        ]
    return found


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    rest = 0
    for start, end, new in sorted(edits):
        pieces += (text[rest:start], new)
        rest = end
    return "".join([*pieces, text[rest:]])


def _without_added_scheme(address: str) -> str:
    """An address that is a placeholder, without the `http://` that editors put before it."""
    found = re.fullmatch(
        r"(?:https?://|mailto:|file:///(?:[A-Za-z]:)?[^{]*)(\{\{\s*([^{}]*?)\s*\}\})/?", address
    )
    if not found:
        return address
    is_address = re.search(r"url|link|href|page|seite|web|site|http|lien|enlace", found[2], re.IGNORECASE)
    return found[1] if is_address or address.startswith("file:") else address
