"""From dashboards to files: what each file must hold, which are not current, and writing them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import cache, edge, host, overview, redis, services, upstreams

_MODULES: Final = (overview, edge, cache, upstreams, services, redis, host)


def files() -> Mapping[str, str]:
    """The text of every dashboard by the name of its file."""
    return {f"{module.PLACE.file}.json": _text(module.dashboard()) for module in _MODULES}


def stale(folder: Path) -> list[str]:
    """Names of the files in `folder` that are missing, differ from what is generated, or that nothing generates."""
    wanted = files()
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> list[str]:
    """Make the JSON files in `folder` exactly those that are generated; return the names of those that changed."""
    wanted = files()
    changed = stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def _text(board: model.Dashboard) -> str:
    encoded = json.dumps(board, cls=JSONEncoder)
    document = json.loads(encoded, object_hook=_with_usual_placement)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _with_usual_placement(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out the placement, where it is empty: the SDK knows no word for "above the panels"."""
    return {key: value for key, value in item.items() if (key, value) != ("placement", "")}
