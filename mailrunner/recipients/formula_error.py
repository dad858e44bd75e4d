"""Formula errors: what a spreadsheet shows in a cell whose formula has no value, in its user's language.

An export writes them as text like any other, so they are known by their spelling in every source.
"""

from __future__ import annotations

# Excel's in English, German, French, Spanish, Italian, Dutch, Portuguese, Polish and Romanian, and
# LibreOffice's (its help, "Error Codes in LibreOffice Calc").
_SPELLINGS = """
    #N/A #REF! #VALUE! #DIV/0! #NAME? #NUM! #NULL! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #BUSY!
    #GETTING_DATA #UNKNOWN! #PYTHON! #ERROR! #NV #BEZUG! #WERT! #ZAHL! #ÜBERLAUF! #KALK! #FELD!
    #UNBEKANNT! #VALEUR! #NOM? #NOMBRE! #NUL! #PROPAGATION! #CHAMP! #¡REF! #¡VALOR! #¡DIV/0! #¿NOMBRE?
    #¡NUM! #¡NULO! #¡DESBORDAMIENTO! #N/D #VALORE! #NOME? #RIF! #NUM! #NULLO! #ESPANSIONE! #VERW!
    #WAARDE! #DEEL/0! #NAAM? #GETAL! #LEEG! #N/B #VALOR! #NÚM! #NULO! #DESPEJAR! #ADR! #ARG! #DZIEL/0!
    #NAZWA? #LICZBA! #ZERO! #N/D! #VALOARE! #NUME? Err:501 Err:502 Err:503 Err:504 Err:508 Err:509
    Err:511 Err:512 Err:513 Err:516 Err:517 Err:518 Err:519 Err:520 Err:521 Err:522 Err:523 Err:524
    Err:525 Err:527 Err:529 Err:530 Err:531 Err:532 Err:533 Err:539
"""
_ERRORS = frozenset(_SPELLINGS.split())
SIGNS = ("#", "Err:")  # what each begins with


def is_formula_error(text: str) -> bool:
    """True for a cell that shows a formula error and nothing else."""
    return text.strip() in _ERRORS


def formula_error(text: str) -> str:
    """The sentence about such a cell, to put after the column's name."""
    return f"the cell holds the formula error {text.strip()}"
