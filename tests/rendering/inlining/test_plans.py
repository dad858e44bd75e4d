"""The quick test of a message's values says what the key of its shape says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.rendering.inlining.plans import DocumentForm
from mailrunner.rendering.inlining.slots import SlotKind

KINDS = tuple(SlotKind)
values = st.text(st.sampled_from("aZ9 \t\n.,&;#<>\"'!-{}/:%=\0\u2028é中😀"), max_size=8) | st.text(max_size=8)


def passes(form: DocumentForm, given: tuple[str, ...]) -> bool:
    """True if the quick test of a form, as messages are put to it, takes these values for clean."""
    assert form.clean is not None
    joined = [("\0".join(of_kind(given)) + "\0", are_clean, many) for are_clean, of_kind, many in form.clean]
    return all(text.count("\0") == many and are_clean(text) for text, are_clean, many in joined)


@pytest.mark.parametrize("hollow", [(), (0,), (0, 2, 3)], ids=len)
@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS, KINDS * 2, (*KINDS[:1] * 3, *KINDS[2:])], ids=len)
def test_clean_values_are_those_that_stay_as_they_are(
    kinds: tuple[SlotKind, ...], hollow: tuple[int, ...]
) -> None:
    form = DocumentForm(kinds, (), hollow)

    @given(given=st.lists(values, min_size=len(kinds), max_size=len(kinds)).map(tuple))
    def holds(given: tuple[str, ...]) -> None:
        clean = passes(form, given)
        key, spelled = form.key(given)
        assert not clean or (key, spelled) == (form.clean_key, list(given))

    holds()


@pytest.mark.parametrize(("last", "clean"), [("Bob", True), ("a\0b", False), ("", False)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_looked_at(kind: SlotKind, last: str, clean: bool) -> None:
    form = DocumentForm((kind, kind), ())
    assert passes(form, ("Ana", last)) == clean


@pytest.mark.parametrize("kinds", [(None,), (SlotKind.TEXT, None)])
def test_a_form_with_a_literal_value_has_no_quick_test(kinds: tuple[SlotKind | None, ...]) -> None:
    assert DocumentForm(kinds, ()).clean is None
