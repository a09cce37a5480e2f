"""The clock's hand in the log: a tick whenever a day has begun somewhere in the country and nobody has said a word.

All that completeness knows of time are the broker's append times of what it reads. A tick makes that time go on, so
that a period closes also for those who never speak. It carries no time of its own: two workers that both tick do no
harm, and a worker whose clock is wrong can only tick too often or too seldom, never close a period early.
"""

import asyncio
import json
import logging
from collections.abc import Callable

import fastavro

from simpul_processors.completeness import last_midnight
from simpul_schemas.errors import OutsideError
from simpul_schemas.log import LogWriter, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.roster import ROSTER_SCHEMA, TICK_KEY, tick_record
from simpul_schemas.rows import encode
from simpul_schemas.topics import ROSTER_TOPIC, value_subject
from simpul_schemas.wire import frame

_log = logging.getLogger(__name__)

#: How often the clock is looked at, and how long a tick is given to come back through the log before the next.
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
_PARSED = fastavro.parse_schema(json.loads(ROSTER_SCHEMA))


def tick_is_due(clock_micros: int, log_micros: int) -> bool:
    """Return whether a day has begun in one of the three zones that the log has heard nothing of.

    A log without a single record needs none: there is nothing that could close.
    """
    return 0 < log_micros < last_midnight(clock_micros)


class Ticker:
    """Appends ticks.

    Args:
        clock: Microseconds since the epoch.
        log_time: Highest append time that the stage has read; None while another worker has its seat.
    """

    def __init__(
        self, writer: LogWriter, registry: Registry, clock: Callable[[], int], log_time: Callable[[], int | None]
    ) -> None:
        self._writer = writer
        self._registry = registry
        self._clock = clock
        self._log_time = log_time
        self._ticked_for = (0, 0.0)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self.look(asyncio.get_running_loop().time())
            except OutsideError as error:  # the broker is away: the next look tries again
                _log.warning("tick: %s", error)
                await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, monotonic_seconds: float) -> bool:
        """Tick if it is time to; a day that was ticked for is only ticked for again when the log has not moved."""
        now, log_time = self._clock(), self._log_time()
        if log_time is None or not tick_is_due(now, log_time):
            return False
        midnight = last_midnight(now)
        ticked, at = self._ticked_for
        if ticked == midnight and monotonic_seconds - at < PATIENCE_SECONDS:
            return False
        schema_id = self._registry.lookup(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA)
        value = frame(schema_id, encode(_PARSED, tick_record(now)))
        await self._writer.send([Outgoing(ROSTER_TOPIC, TICK_KEY.encode(), value)])
        self._ticked_for = (midnight, monotonic_seconds)
        return True
