"""Times as tables hold them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from simpul_producers.imports.model import TimeSpec
from simpul_producers.imports.times import MONTHS, day_of, time_reader, zone_of
from simpul_schemas.events.envelope import from_micros


def read(text: str, form: str | list[str], timezone: str = "wib", region: str | None = None) -> datetime:
    spec = TimeSpec(column="t", format=form, timezone=timezone)
    return from_micros(time_reader(spec, zone_of(spec, region))(text))


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("13 Des 2023", "%d %b %Y", datetime(2023, 12, 12, 17, tzinfo=UTC)),
        ("24 Agu 2024", "%d %b %Y", datetime(2024, 8, 23, 17, tzinfo=UTC)),
        ("1 Nopember 2023", "%d %B %Y", datetime(2023, 10, 31, 17, tzinfo=UTC)),
        ("01 mei 2023 07:30", "%d %b %Y %H:%M", datetime(2023, 5, 1, 0, 30, tzinfo=UTC)),
        ("1 May 2023", "%d %b %Y", datetime(2023, 4, 30, 17, tzinfo=UTC)),
        ("2015", "%Y", datetime(2014, 12, 31, 17, tzinfo=UTC)),
        ("43871.0", "excel", datetime(2020, 2, 9, 17, tzinfo=UTC)),
        ("43871.5", "excel", datetime(2020, 2, 10, 5, tzinfo=UTC)),
        (
            "2017-02-20T07:58:22.262",
            ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"],
            datetime(2017, 2, 20, 0, 58, 22, 262000, UTC),
        ),
    ],
)
def test_a_time_is_read_in_its_zone(text: str, form: str | list[str], expected: datetime) -> None:
    assert read(text, form) == expected


@pytest.mark.parametrize(("zone", "hour"), [("wib", 17), ("wita", 16), ("wit", 15), ("Asia/Makassar", 16)])
def test_zones_go_by_their_indonesian_names(zone: str, hour: int) -> None:
    assert read("2024-02-14", "%Y-%m-%d", zone) == datetime(2024, 2, 13, hour, tzinfo=UTC)


@pytest.mark.parametrize(("region", "hour"), [("11", 17), ("53.13", 16), ("96.01.02", 15)])
def test_a_zone_may_be_the_regions_own(region: str, hour: int) -> None:
    assert read("2024-02-14", "%Y-%m-%d", "region", region) == datetime(2024, 2, 13, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "form"),
    [("30 Feb 2024", "%d %b %Y"), ("13 Foo 2023", "%d %b %Y"), ("60", "excel"), ("2958466", "excel"), ("1e5", "excel")],
)
def test_what_is_no_such_time_raises(text: str, form: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(text, form)


def test_every_month_has_its_names() -> None:
    assert sorted(set(MONTHS.values())) == list(range(1, 13))
    assert [MONTHS[name] for name in ("agu", "okt", "mei", "nopember", "pebruari", "des")] == [8, 10, 5, 11, 2, 12]


def test_a_day_is_that_of_its_zone() -> None:
    moment = 1_707_860_400_000_000  # 2024-02-13 21:40 UTC
    assert day_of(moment, ZoneInfo("Asia/Jakarta")) == "2024-02-14"
    assert day_of(moment, None) == "2024-02-13"
