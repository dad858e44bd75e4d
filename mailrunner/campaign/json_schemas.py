"""JSON Schemas of the files that a user writes, for editors that complete and check TOML.

They are shipped in `mailrunner/data/`.  After a change of the tables write them anew with

    python -c "from mailrunner.campaign import json_schemas; json_schemas.write()"
"""

from __future__ import annotations

import json
from pathlib import Path

from mailrunner.campaign.tables import CampaignTable
from mailrunner.config.project_tables import ProjectTable
from mailrunner.config.toml_table import Table

_FOLDER = Path(__file__).parents[1] / "data"


def texts() -> dict[str, str]:
    """The text of each schema by the name of its file."""
    tables: dict[str, type[Table]] = {
        "mailrunner.schema.json": ProjectTable,
        "campaign.schema.json": CampaignTable,
    }
    return {name: _text(model) for name, model in tables.items()}


def _text(model: type[Table]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = _FOLDER) -> None:
    """Write all schemas into `folder`."""
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
