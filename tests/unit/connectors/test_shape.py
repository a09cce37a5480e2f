import json

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.sinks.shape import RECORD, shape
from simpul_connectors.sinks.source import event_source, view_source
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.sinks.table import Column, Field, Kind, Table

SMALL = Table(
    ("t",),
    tuple(
        Column(f"c_{name}", Field(name, kind, required=True))
        for name, kind in {"subject": Kind.TEXT, "revision": Kind.BIGINT, "event_id": Kind.TEXT}.items()
    ),
    ("c_subject",),
    ("c_revision", "c_event_id"),
)


def rows(found: list[tuple[str, int, str]]) -> pl.DataFrame:
    return pl.DataFrame(found, schema=["subject", "revision", "event_id"], orient="row", infer_schema_length=None)


def test_columns_are_renamed_and_others_left_out() -> None:
    frame = rows([("a", 1, "e")]).with_columns(other=pl.lit(1))
    assert shape(frame, SMALL).to_dicts() == [{"c_subject": "a", "c_revision": 1, "c_event_id": "e"}]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-3, 3), st.sampled_from(["B", "a", "é", "\ufffd", "😀"])),
        min_size=1,
    )
)
def test_the_newest_row_of_each_key_is_kept_sorted_by_key(found: list[tuple[str, int, str]]) -> None:
    newest = {key: max((r, e.encode()) for k, r, e in found if k == key) for key in {key for key, _, _ in found}}
    shaped = shape(rows(found), SMALL).rows()
    assert shaped == [(key, revision, event_id.decode()) for key, (revision, event_id) in sorted(newest.items())]


def test_an_empty_frame_has_the_tables_columns() -> None:
    empty = rows([("a", 1, "e")]).clear()
    assert shape(empty, SMALL).columns == list(SMALL.column_names)


def figures(*regions: str) -> pl.DataFrame:
    given_names = [field.name for field in view_source("participation").fields if field.name != "region_name"]
    texts = {"level": "province", "election": "pilgub", "period_kind": "NONE", "period": "-"}
    columns = {name: [texts.get(name, 1)] * len(regions) for name in given_names} | {"region": list(regions)}
    return pl.DataFrame(columns)


def test_a_figure_carries_the_official_name_of_its_region() -> None:
    shaped = shape(figures("ID", "73", "99"), load_spec("ministry_participation").table)
    names = dict(shaped.select("region", "region_name").rows())
    assert names == {"ID": "Indonesia", "73": "Sulawesi Selatan", "99": "99"}


def test_a_list_becomes_json_without_a_nul() -> None:
    (claims,) = [field for field in event_source("report").fields if field.name == "claims"]
    table = Table(("t",), (*SMALL.columns, Column("klaim", claims)), SMALL.key, SMALL.order)
    claimed = [{"event_type": "x\0\\u0000", "count": 2}]
    frame = rows([("a", 1, "e")]).with_columns(claims=pl.Series([claimed]))
    assert json.loads(shape(frame, table)["klaim"][0]) == [{"event_type": "x␀\\u0000", "count": 2}]


def test_a_row_tells_its_record_under_names_that_no_column_can_have() -> None:
    assert not any(name.isidentifier() for name in RECORD.values())
