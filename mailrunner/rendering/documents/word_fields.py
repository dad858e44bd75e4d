"""The fields in a Word document as text: what mammoth would drop, and the rules of a mail merge.

A field is simple (`w:fldSimple`), or complex: runs of `w:fldChar` begin, separate and end around its code and
its last result (ECMA-376 Part 1 §17.16.4, §17.16.18).  A rule, `IF { MERGEFIELD x } = "a" "b" "c"`, showed
its last result only; here it becomes a condition, in Mailchimp's spelling, which is translated with the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from mailrunner.rendering.documents.word_pictures import with_widths

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_WRAPPERS = (f"{_W}fldSimple", f"{_W}dir", f"{_W}bdo")  # only say something of the runs inside
_MERGE = re.compile(r"\s*MERGEFIELD\s+(?:\"([^\"]+)\"|([^\s\"\\]+))", re.IGNORECASE)
_MERGE_CODE = re.compile(
    r"MERGEFIELD\s+(?:(?:\"|&quot;)([^\"&<]+)(?:\"|&quot;)|([^\s<\"&\\]+))", re.IGNORECASE
)
_RULE = re.compile(
    r"\s*IF\s+\"?«(?P<name>\w+)»\"?\s*(?P<sign><>|[<>]=?|=)\s*\"?(?P<value>[^\"|\s]*)\"?"
    r"\s+\"(?P<then>[^\"|]*)\"(?:\s+\"(?P<other>[^\"|]*)\")?",
    re.IGNORECASE,
)
_CODES = re.compile(r"\s*(IF|NEXT|NEXTIF|SKIPIF|ASK|FILLIN|SET|COMPARE)\b", re.IGNORECASE)


def merge_names(markup: str) -> frozenset[str]:
    """The names in all codes `MERGEFIELD name` and `MERGEFIELD "a name"` of a document's markup."""
    return frozenset(quoted or plain for quoted, plain in _MERGE_CODE.findall(markup))


@dataclass
class _Field:
    code: str = ""
    in_code: bool = True
    result: list[etree._Element] = field(default_factory=list)


@dataclass
class WordFields:
    """Rewrites the fields of a document; `unread` are the rules that stay as what they showed last."""

    unread: list[str] = field(default_factory=list)
    _open: list[_Field] = field(default_factory=list)

    def rewritten(self, document: bytes) -> bytes:
        """The part word/document.xml with its fields as text; raises etree.XMLSyntaxError."""
        reader = etree.XMLParser(resolve_entities=False, no_network=True)
        root = etree.fromstring(document, reader)
        with_widths(root)
        for wrapper in list(root.iter(*_WRAPPERS)):
            _unwrap(wrapper)
        for run in list(root.iter(f"{_W}r")):
            for child in list(run):
                self._read(child, run)
        return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True))

    def _read(self, child: etree._Element, run: etree._Element) -> None:
        if child.tag == f"{_W}fldChar":
            self._mark(child.get(f"{_W}fldCharType"), run)
        elif not self._open:
            return
        elif child.tag == f"{_W}instrText":
            self._open[-1].code += child.text or ""
        elif child.tag == f"{_W}t":
            if any(one.in_code for one in self._open):
                run.remove(child)  # the result of a field within the code of another
            else:
                self._open[-1].result.append(child)

    def _mark(self, kind: str | None, run: etree._Element) -> None:
        if kind == "begin":
            self._open.append(_Field())
        elif kind == "separate" and self._open:
            self._open[-1].in_code = False
        elif kind == "end" and self._open:
            self._ended(self._open.pop(), run)

    def _ended(self, ended: _Field, run: etree._Element) -> None:
        if self._open and self._open[-1].in_code:
            merge = _MERGE.match(ended.code)
            self._open[-1].code += f"«{merge[1] or merge[2]}»" if merge else ended.code
        elif rule := _RULE.match(ended.code):
            self._write(_condition(rule), ended.result, run)
        elif code := _CODES.match(ended.code):
            self.unread.append(code[1].upper())

    def _write(self, text: str, result: list[etree._Element], run: etree._Element) -> None:
        """Put the text in the place of a field's result, in its style where it has one."""
        if not result:
            result = [etree.SubElement(run, f"{_W}t")]
        for place, element in enumerate(result):
            element.text = "" if place else text
        result[0].set("{http://www.w3.org/XML/1998/namespace}space", "preserve")


def _condition(rule: re.Match[str]) -> str:
    sign = {"<>": "!="}.get(rule["sign"], rule["sign"])
    test = f"{rule['name']} {sign} {rule['value']}" if rule["value"] else rule["name"]
    word = "IFNOT" if not rule["value"] and sign == "=" else "IF"
    other = f"*|ELSE:|*{rule['other']}" if rule["other"] else ""
    return f"*|{word}:{test}|*{rule['then']}{other}*|END:IF|*"


def _unwrap(wrapper: etree._Element) -> None:
    """Put the children of an element in its place."""
    parent = wrapper.getparent()
    if parent is None:
        return
    place = parent.index(wrapper)
    for offset, child in enumerate(list(wrapper)):
        parent.insert(place + offset, child)
    parent.remove(wrapper)
