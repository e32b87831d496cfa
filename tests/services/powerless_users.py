"""The user service as a process that the rights of files hold for, also where root runs it: ``python -m`` this."""

import ctypes
import os
import sys
from typing import Final

_DROP: Final = 24
"""PR_CAPBSET_DROP (prctl(2)): what is taken away so is gone after the next program has begun."""
_PASSES_OVER_RIGHTS: Final = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capabilities(7))."""

if __name__ == "__main__":
    for capability in _PASSES_OVER_RIGHTS:
        ctypes.CDLL(None).prctl(_DROP, capability, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, "-W", "error", "-m", "services.users"])  # noqa: S606
