"""The JSON Schemas shipped for editors."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from mailrunner.campaign import json_schemas


@pytest.mark.parametrize("name", list(json_schemas.texts()))
def test_the_shipped_schema_is_that_of_the_tables(name: str) -> None:
    shipped = files("mailrunner").joinpath(f"data/{name}").read_text("utf-8")
    assert shipped == json_schemas.texts()[name], "stale; json_schemas.py says how to write it"


@pytest.mark.parametrize("name", list(json_schemas.texts()))
def test_every_key_of_a_schema_is_described(name: str) -> None:
    schema = json.loads(json_schemas.texts()[name])
    tables = [schema, *schema["$defs"].values()]
    keys = [key for table in tables for key in table.get("properties", {}).values()]
    assert len(keys) > 10
    assert all(key.get("description") for key in keys)
