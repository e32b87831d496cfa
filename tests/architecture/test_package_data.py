"""What is no Python but belongs to a package is installed with it."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bff", "services", "shared")
PYTHON = {".py", ".pyc"}


def test_every_file_of_a_package_is_installed() -> None:
    """``package_data`` in setup.cfg has each of them."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = {
        file
        for package, patterns in config["options.package_data"].items()
        for pattern in patterns.split()
        for name in (PACKAGES if package == "*" else [package])
        for file in (ROOT / name.replace(".", "/")).glob(f"**/{pattern}" if package == "*" else pattern)
    }
    files = {file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()}
    assert {file for file in files if file.suffix not in PYTHON} - named == set()
