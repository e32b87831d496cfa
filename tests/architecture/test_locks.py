"""Lock files hold exact versions and hashes, and do not say where packages were downloaded from."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "clients/typescript"


def test_python_packages_are_locked_with_hashes_and_without_addresses() -> None:
    """In each lock file every package has a version and hashes."""
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text, lock.name
        packages = re.split(r"\n(?=\S)", text.strip())
        assert [
            one for one in packages if not re.match(r"[\w.-]+==\S+.*\n? *(--hash=sha256:[0-9a-f]{64}|\\)", one)
        ] == []


def test_node_packages_are_locked_with_hashes_and_without_addresses() -> None:
    """What is asked for is one version each; what that brings along is locked."""
    wanted = json.loads((NODE / "package.json").read_text())
    for version in (wanted["dependencies"] | wanted["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]
    own = locked.pop("")
    assert (own["dependencies"], own["devDependencies"]) == (wanted["dependencies"], wanted["devDependencies"])
    for name, package in locked.items():
        assert package.keys() >= {"version", "integrity"}, name
        assert "resolved" not in package, name
