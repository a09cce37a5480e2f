from simpul_connectors.portal.bus_status import BusStatus, Sample, StageStatus, spark_path, stage_topics, watched_topics
from simpul_schemas.log import Partition
from simpul_schemas.topics import partial_topic

AT = Partition(partial_topic("incident"), 0)
STAGE = "incident.figure"


def take(status: BusStatus, at: float, end: int, done: int) -> StageStatus:
    status.take(Sample(at, {AT: end}, {STAGE: {AT: done}}, {STAGE: 2}, {AT.topic: int(at)}))
    (found,) = [stage for stage in status.stages() if stage.name == STAGE]
    return found


def test_a_stage_that_has_done_all_is_not_behind() -> None:
    found = take(BusStatus(), 100.0, 50, 50)
    assert (found.seconds, found.records, found.is_least, found.members) == (0.0, 0, False, 2)


def test_a_stage_is_behind_since_its_oldest_undone_record_was_seen() -> None:
    status = BusStatus()
    take(status, 100.0, 50, 50)
    take(status, 105.0, 60, 50)
    assert take(status, 110.0, 70, 50).seconds == 5.0
    found = take(status, 115.0, 70, 65)
    assert (found.seconds, found.records) == (5.0, 5)
    assert take(status, 120.0, 70, 70).seconds == 0.0


def test_what_began_before_the_first_sample_is_at_least_so_old() -> None:
    status = BusStatus()
    take(status, 100.0, 50, 10)
    found = take(status, 130.0, 60, 20)
    assert (found.seconds, found.is_least) == (30.0, True)
    assert take(status, 140.0, 60, 55).is_least is False


def test_a_stage_that_never_moves_keeps_its_age_in_bounded_memory() -> None:
    status = BusStatus()
    for at in range(400):
        found = take(status, float(at), 10 + at, 5)
    assert found.seconds == 399.0
    assert len(found.trend) <= 61


def test_the_trend_holds_the_worst_of_each_minute_of_the_last_hour_only() -> None:
    status = BusStatus()
    take(status, 0.0, 10, 10)
    take(status, 10.0, 20, 10)
    take(status, 20.0, 20, 10)
    assert max(take(status, 30.0, 20, 20).trend) == 10.0
    assert max(take(status, 4000.0, 20, 20).trend) == 0.0


def test_a_sparkline_stays_in_its_box() -> None:
    assert spark_path([]) == ""
    for values in ([0.0], [0.0, 5.0, 2.0], [1e6] * 60):
        points = [
            tuple(map(float, point[1:].split() if point[0] in "ML" else point.split()))
            for point in spark_path(values).split(" L")
        ]
        assert all(0 <= x <= 100 and 0 <= y <= 20 for x, y in points)


def test_every_topic_that_a_stage_reads_is_watched() -> None:
    watched = set(watched_topics())
    assert all(topic in watched for topics in stage_topics().values() for topic in topics)
