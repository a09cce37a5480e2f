"""Places where a test lets a process die or freeze, to see that nothing is lost there.

`SIMPUL_FAILPOINT=committed` kills the process (SIGKILL) when it reaches that place, `committed:3` at the third time,
`committed:1:STOP` freezes it (SIGSTOP). Without the variable a place costs one comparison.
"""

import os
import signal
from typing import Final

#: Every place, in the order in which a batch meets them.
PLACES: Final = (
    "read",
    "digested",
    "quarantining",
    "quarantined",
    "begun",
    "locked",
    "staged",
    "merged",
    "moved",
    "committed",
    "acknowledged",
)

_named, _, _rest = os.environ.get("SIMPUL_FAILPOINT", "").partition(":")
_times, _, _how = _rest.partition(":")
_left = int(_times or 1)


def reach(place: str) -> None:
    """Do here what the environment asks for, if it asks for this place."""
    global _left  # noqa: PLW0603  # counts over the life of the process, as the variable says
    if place != _named:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGSTOP if _how == "STOP" else signal.SIGKILL)
