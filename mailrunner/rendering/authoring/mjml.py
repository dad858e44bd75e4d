"""An MJML file as the HTML template of a message, compiled once per campaign.

The compiler is `mrml`, of the extra `mjml`.  It passes over what it does not know and gives no lines, so the
elements are looked at here first.  Jinja is carried through as words; a statement between components, where
MJML allows no text, goes into an `mj-raw`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mailrunner.errors import Problem, UserError, nearest
from mailrunner.rendering.authoring.jinja_marks import MarkedText, TemplateText, marked

ReadFile = Callable[[str], str]
"""Reads a file of templates/ by its name; raises UserError if it cannot."""

# The components of MJML 4 (documentation.mjml.io).  First those that hold texts or HTML of their own,
# then those between whose children a statement of Jinja may stand.
_WITH_TEXT = frozenset(
    {"mj-accordion-text", "mj-accordion-title", "mj-button", "mj-navbar-link", "mj-preview", "mj-raw"}
    | {"mj-social-element", "mj-style", "mj-table", "mj-text", "mj-title"}
)
_WITH_RAW = frozenset({"mj-body", "mj-wrapper", "mj-section", "mj-column", "mj-group", "mj-hero", "mj-head"})
_OTHERS = frozenset(
    {
        "mjml",
        "mj-accordion",
        "mj-accordion-element",
        "mj-all",
        "mj-attributes",
        "mj-breakpoint",
        "mj-carousel",
    }
    | {"mj-carousel-image", "mj-class", "mj-divider", "mj-font", "mj-html-attribute", "mj-html-attributes"}
    | {"mj-image", "mj-include", "mj-navbar", "mj-selector", "mj-social", "mj-spacer"}
)
_COMPONENTS = _WITH_TEXT | _WITH_RAW | _OTHERS
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<close>/?)(?P<name>mjml|mj-[\w-]+)(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^\"'>])*)>",
    re.DOTALL,
)
_INCLUDE = re.compile(r"<mj-include\b([^>]*?)(?:/>|>\s*</mj-include\s*>)", re.DOTALL)
_PATH = re.compile(r"\bpath\s*=\s*[\"']([^\"']*)[\"']")
_TYPE = re.compile(r"\btype\s*=\s*[\"'](css|html)[\"']")
_INNER = re.compile(
    r"\s*(?:<mjml[^>]*>\s*)?(?:<mj-body[^>]*>)?(.*?)(?:</mj-body>)?\s*(?:</mjml>)?\s*", re.DOTALL
)
_DEEPEST = 10
_INSTALL = 'pip install "mailrunner[mjml]"'


def converted(source: str, label: str, read: ReadFile) -> TemplateText:
    """Compile a file; raises UserError with the lines of what is wrong with it."""
    UserError.collect(_problems(source, label))
    text = marked(_with_includes(source, label, read, 0))
    return text.restored(_compiled(_with_raw(text), label))


def _compiled(source: str, label: str) -> str:
    try:
        import mrml
    except ImportError:
        message = "MJML needs a compiler, which is not installed"
        raise UserError(Problem(message, label, hint=_INSTALL)) from None
    try:
        return str(mrml.to_html(source).content)
    except OSError as error:
        raise UserError(Problem(f"cannot be compiled: {error}", label, hint="is it MJML?")) from None


def _problems(source: str, label: str) -> Iterator[Problem]:
    """Unknown components, and those that are closed where they were not opened."""
    opened: list[tuple[str, int]] = []
    found_root = False
    for token in _TOKEN.finditer(source):
        name, line = token["name"], source.count("\n", 0, token.start()) + 1
        if name is None:
            continue
        found_root = found_root or name == "mjml"
        if name not in _COMPONENTS:
            yield Problem(f"line {line}: MJML has no <{name}>", label, hint=nearest(name, _COMPONENTS))
        if token["close"]:
            if opened and opened[-1][0] == name:
                opened.pop()
                continue
            hint = f"<{opened[-1][0]}> of line {opened[-1][1]} is still open" if opened else ""
            yield Problem(f"line {line}: </{name}> closes nothing that is open", label, hint=hint)
            return
        if not token["rest"].endswith("/"):
            opened.append((name, line))
    for name, line in opened:
        yield Problem(f"line {line}: <{name}> is never closed", label)
    if not found_root:
        yield Problem("line 1: there is no <mjml>", label, hint='for HTML write html = "…"')


def _with_includes(source: str, label: str, read: ReadFile, depth: int) -> str:
    """The source with each `mj-include` replaced by its file, without a change in the number of lines."""

    def included(found: re.Match[str]) -> str:
        path = _PATH.search(found[1])
        if path is None or depth >= _DEEPEST:
            line = source.count("\n", 0, found.start()) + 1
            message = "names no path" if path is None else "includes itself without end"
            raise UserError(Problem(f"line {line}: <mj-include> {message}", label))
        name = path[1].removeprefix("./")
        text = read(name)
        if kind := _TYPE.search(found[1]):
            text = f"<mj-style>{text}</mj-style>" if kind[1] == "css" else f"<mj-raw>{text}</mj-raw>"
        else:
            UserError.collect(p for p in _problems(f"<mjml>{text}</mjml>", f"templates/{name}"))
            text = _with_includes(_inner(text), f"templates/{name}", read, depth + 1)
        return " ".join(text.split("\n")) + "\n" * found[0].count("\n")

    return _INCLUDE.sub(included, source)


def _inner(text: str) -> str:
    found = _INNER.fullmatch(text)
    return found[1] if found else text


def _with_raw(text: MarkedText) -> str:
    """Put what stands between components, where MJML drops texts, into an `mj-raw` of its own."""
    pieces: list[str] = []
    opened: list[str] = []
    rest = 0
    for token in _TOKEN.finditer(text.text):
        pieces += (_raw(text, text.text[rest : token.start()], opened), token[0])
        rest = token.end()
        if token["name"] is None:
            continue
        if token["close"]:
            opened.pop()
        elif not token["rest"].endswith("/"):
            opened.append(token["name"])
    return "".join([*pieces, text.text[rest:]])


def _raw(text: MarkedText, between: str, opened: list[str]) -> str:
    if not opened or opened[-1] not in _WITH_RAW or not _WITH_TEXT.isdisjoint(opened):
        return between
    return text.words.sub(lambda word: f"<mj-raw>{word[0]}</mj-raw>", between)
