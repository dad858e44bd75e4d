"""The drawing of the architecture is that of the imports."""

from __future__ import annotations

from xml.etree import ElementTree

from tools.architecture import DRAWING, NOTES, drawing
from tools.imports import circles, layers, needed


def test_the_drawing_is_current() -> None:
    assert DRAWING.read_text(encoding="utf-8") == drawing(), "say `make architecture`, and look at it"


def test_the_drawing_is_well_formed_and_names_every_room_that_has_a_box() -> None:
    words = {element.text for element in ElementTree.fromstring(drawing()).iter()}  # noqa: S314 - our own
    assert NOTES.keys() <= words


def test_every_layer_has_a_note_or_is_named_below_the_drawing() -> None:
    rooms = {room for layer in layers() for room in layer}
    assert rooms - NOTES.keys() == {"model", "errors", "clock"}


def test_an_arrow_that_a_longer_way_implies_is_left_out() -> None:
    assert needed({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_circles_are_found_with_all_that_is_in_them_and_nothing_else() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []
