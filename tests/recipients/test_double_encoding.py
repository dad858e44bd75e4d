"""Cells that were saved in a wrong encoding before the list came here."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.recipients.double_encoding import double_encoding_remark
from tests.support.recipient_tables import csv_source


@pytest.mark.parametrize("word", ["Jörg", "Renée", "Łódź", "Ștefan", "Ольга", "l’été", "Ærø"])
def test_it_is_said_what_the_word_was(tmp_path: Path, word: str) -> None:
    broken = word.encode().decode("cp1252" if word != "Łódź" else "latin-1")
    source = csv_source(tmp_path, f"email,n\na@example.org,x\nb@example.org,{broken}\n")
    (remark,) = source.remarks()
    assert f'row 3 has "{broken}", which seems to be "{word}"' in remark


@pytest.mark.parametrize("word", ["Jörg", "SÃO", "Ângela", "CAFÉ®", "CAFFÈ®", "Ðorđe", "5 â 6", "naïve", "Ã"])
def test_a_word_that_is_right_is_left_alone(word: str) -> None:
    assert double_encoding_remark([(2, (word,))]) == ""
