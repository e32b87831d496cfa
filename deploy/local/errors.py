"""What ends a command, each with what the person in front of it needs to know."""

import signal


class Refused(Exception):
    """The command cannot be done; all reasons are given together.

    Attributes:
        lines: The reasons, ready to be shown, one a line.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Interrupted(Exception):
    """A signal asked the command to end.

    Attributes:
        exit_status: What the shell expects of a process that this signal ended.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number
