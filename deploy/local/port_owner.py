"""Who listens on a port, as far as this machine tells."""

from pathlib import Path

from deploy.local import ports
from deploy.local.identity import PROC

LISTENING = "0A"
SHOWN = 80


def describe(port: int) -> str:
    """Return words for the process that listens on a port: its number and command where they can be had."""
    sockets = _sockets(port)
    for entry in PROC.glob("[0-9]*"):
        if sockets and _holds(entry, sockets):
            command = _command(entry)
            return f"process {entry.name}{f' ({command})' if command else ''}"
    return "another process, or reserved for root" if port < ports.UNRESERVED else "another process"


def _sockets(port: int) -> set[str]:
    found = set()
    for table in (PROC / "net/tcp", PROC / "net/tcp6"):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _holds(entry: Path, sockets: set[str]) -> bool:
    try:
        return any(_target(handle) in sockets for handle in (entry / "fd").iterdir())
    except OSError:
        return False


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""


def _command(entry: Path) -> str:
    try:
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
    words = " ".join(command.split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}…"
