"""`mailrunner providers`: every preset is listed, for users and for programs, without a project."""

from __future__ import annotations

import json
from pathlib import Path

from mailrunner.config.providers import preset, preset_names
from tests.support.projects import process


def test_every_preset_is_listed_with_its_note_and_limits(tmp_path: Path) -> None:
    answer = process("providers", folder=tmp_path)
    assert answer.code == 0
    for name in preset_names():
        assert f"{name:<16} {preset(name).title}" in answer.stdout
        assert preset(name).note in answer.stdout
    assert "login: app password or OAuth" in answer.stdout
    assert "limits: 500/24h (reported by others)" in answer.stdout
    assert "limits: 100/24h (a guess, the most cautious figure)" in answer.stdout
    assert preset("ses").sources[0] in answer.stdout


def test_programs_get_the_same_as_json(tmp_path: Path) -> None:
    answer = process("providers", "--json", folder=tmp_path)
    listed = {each["name"]: each for each in json.loads(answer.stdout)["providers"]}
    assert tuple(listed) == preset_names()
    assert listed["outlook"]["login"] == "oauth"
    assert listed["smtp"]["host"] is None
    assert (listed["ses"]["limits_from"], listed["smtp"]["limits_from"]) == ("documented", None)
    assert all(each["sources"] for name, each in listed.items() if name != "smtp")
