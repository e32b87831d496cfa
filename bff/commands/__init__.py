"""The declared commands: one file each, and one line in :data:`COMMANDS`."""

from collections.abc import Sequence
from typing import Final

from bff.commands.kind import AnyCommand
from bff.commands.orders import PLACE_ORDER
from bff.commands.profile import CHANGE_PROFILE

COMMANDS: Final[Sequence[AnyCommand]] = (PLACE_ORDER, CHANGE_PROFILE)
