"""The command line: `python -m deploy.local start|stop|status`; start_with_monitoring.sh calls it."""

import sys

from deploy.local import permissions, signals
from deploy.local.errors import Interrupted, Refused
from shared.broken_pipe import tolerate_broken_pipe
from shared.errors import DeclarationError


def main(arguments: list[str]) -> int:
    """Do what was asked for and return the exit status."""
    signals.install()
    permissions.set_umask()
    try:
        # Imported when a signal ends this in good order already; an import is no place for its exception.
        with signals.deferred():
            from deploy.local import commands, options  # noqa: PLC0415

        return commands.run(options.parse(arguments))
    except Refused as refusal:
        sys.stderr.write("".join(f"{line}\n" for line in refusal.lines))
        return 1
    except DeclarationError as error:
        sys.stderr.write(f"What the gateway is made of cannot be used: {error}\n")
        return 1
    except Interrupted as interruption:
        return interruption.exit_status
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))
