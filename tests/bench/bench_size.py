"""The fold over ten million subjects beside a hundred thousand: half the rate at least, and memory that stays flat.

Half the provinces hold few subjects and half hold many, each with a worker and a store of its own. Both are filled
first; then each gets the same number of corrections of subjects drawn at random from all it has, in turn.
"""

import os
from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.bench.bench_fold import say
from tests.bench.bus import publish, renew, servers
from tests.bench.incidents import FIRST_DAY_MICROS, TYPE, Mix, draw
from tests.bench.measure import ratio
from tests.bench.ours import Ours

from simpul_deploy.bus import prepare
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import event_topic_spec, value_subject

FEW, MANY = 100_000, int(os.environ.get("SIMPUL_BENCH_MANY", "10000000"))
EVENTS = int(os.environ.get("SIMPUL_BENCH_EVENTS", "1000000"))
ROUNDS = int(os.environ.get("SIMPUL_BENCH_ROUNDS", "3"))
#: Revisions of each log lie behind those of the one before.
_LOG_MICROS = 10**14
MOST_ANONYMOUS_BYTES = 600_000_000


class Nation:
    """Half the provinces with so many subjects, and the worker that folds them."""

    def __init__(self, servers: tuple[str, str], subjects: int, provinces: Sequence[str]) -> None:
        self._bootstrap_servers = servers[0]
        self.subjects = subjects
        self._provinces = provinces
        self._ours = Ours(*servers, tag=f"of_{subjects}", provinces=provinces)
        self._schema_id = HttpRegistry(servers[1]).lookup(
            value_subject(event_topic_spec("73", TYPE.name).name), TYPE.schema
        )
        self._logs = 0
        self.rates: list[float] = []
        self.anonymous_bytes: list[int] = []

    def fill(self) -> None:
        """Report every subject once."""
        self._publish(self.subjects, Mix(corrections=0))
        self._fold(self.subjects, keep=False)

    def correct(self) -> None:
        """Correct subjects drawn from all."""
        self._publish(EVENTS, Mix(corrections=0, subjects=self.subjects, known=True))
        rate, anonymous = self._fold(EVENTS, keep=True)
        self.rates.append(rate)
        self.anonymous_bytes.append(anonymous)

    def _publish(self, events: int, mix: Mix) -> None:
        later = Mix(mix.corrections, mix.subjects, FIRST_DAY_MICROS + self._logs * _LOG_MICROS, mix.known)
        drawn = draw(events, seed=self._logs + 1, mix=later, among=self._provinces)
        publish(self._bootstrap_servers, (one.lane(self._schema_id) for one in drawn))
        self._logs += 1

    def _fold(self, events: int, *, keep: bool) -> tuple[float, int]:
        outcome = self._ours.run(stores=f"of_{self.subjects}", keep=keep)
        rate = events / outcome.seconds
        micros = outcome.processor_seconds / events * 1e6
        say(
            f"  {self.subjects:,} subjects: {rate:,.0f}/s, {micros:.1f} us of processor an event, "
            f"RssAnon {outcome.anonymous_bytes >> 20} MiB"
        )
        return rate, outcome.anonymous_bytes


def run() -> dict[str, Any]:
    """Run both, in turn."""
    with servers() as addresses:
        prepare(addresses[0], HttpRegistry(addresses[1]))
        provinces = sorted(load_regions().provinces())
        renew(addresses[0], [event_topic_spec(province, TYPE.name) for province in provinces])
        few, many = Nation(addresses, FEW, provinces[::2]), Nation(addresses, MANY, provinces[1::2])
        few.fill()
        many.fill()
        for _ in range(ROUNDS):
            many.correct()
            few.correct()
    anonymous = max(many.anonymous_bytes)
    found = ratio("fold_10m_vs_100k", 0.5, many.rates, few.rates, events=EVENTS, subjects=[MANY, FEW])
    return {
        **found,
        "met": found["met"] and anonymous < MOST_ANONYMOUS_BYTES,
        "anonymous_bytes": {"ours": anonymous, "theirs": round(median(few.anonymous_bytes))},
        "anonymous_bytes_goal": MOST_ANONYMOUS_BYTES,
    }
