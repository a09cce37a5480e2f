from pathlib import Path
from typing import Any

import pytest
import yaml

from simpul_connectors.errors import SinkSpecError
from simpul_connectors.sinks.source import event_source, view_source
from simpul_connectors.sinks.spec import SinkSpec, load_spec, parse_spec, ready_sinks
from simpul_connectors.sinks.table import Withdraw
from simpul_schemas.errors import SettingsError
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.settings import load_settings

GOOD: dict[str, Any] = {"name": "s", "from": {"view": "participation"}, "table": "partisipasi"}
ESSENTIAL = {
    "level": "tingkat",
    "region": "wilayah",
    "period_kind": "jenis_periode",
    "period": "periode",
    "election": "pemilu",
    "revision": "revisi",
}


def parse(**changes: object) -> SinkSpec:
    document = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    return parse_spec(yaml.safe_dump(document, sort_keys=False), "sink.yaml")


def refusal(**changes: object) -> SinkSpecError:
    with pytest.raises(SinkSpecError) as found:
        parse(**changes)
    assert found.value.file == "sink.yaml"
    assert found.value.remedy.indonesian
    assert found.value.remedy.english
    return found.value


def test_the_ready_sinks_are_found_by_name() -> None:
    assert set(ready_sinks()) == {*(f"ministry_{view}" for view in VIEW_SPECS), "ministry_participation_events"}
    figures, events = map(load_spec, ("ministry_participation", "ministry_participation_events"))
    assert str(figures.table) == "partisipasi"
    assert figures.table.column_names == tuple(field.name for field in view_source("participation").fields)
    assert str(events.table) == "peristiwa_partisipasi"
    assert events.table.column_names == tuple(field.name for field in event_source("participation").fields)


def test_a_ready_sink_has_its_own_name_and_its_own_table() -> None:
    assert all(load_spec(name).name == name for name in ready_sinks())
    assert len({str(load_spec(name).table) for name in ready_sinks()}) == len(ready_sinks())


@pytest.mark.parametrize("view", VIEW_SPECS)
def test_every_view_has_a_ready_sink_with_all_its_fields(view: str) -> None:
    table = load_spec(f"ministry_{view}").table
    assert table.column_names == tuple(field.name for field in view_source(view).fields)
    assert table.key == view_source(view).key


def test_a_sink_is_found_by_the_path_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sink.yaml"
    path.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    assert load_spec(str(path)).name == "s"


@pytest.mark.parametrize("name", ["nothing", "", "../x", "ready/ministry_participation", "a\0b", "."])
def test_what_is_neither_a_ready_sink_nor_a_file_is_told_with_the_names_there_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # beside it lies no file of these names
    with pytest.raises(SinkSpecError, match="ministry_participation_events"):
        load_spec(name)


@pytest.mark.parametrize(
    ("changes", "key", "near"),
    [
        ({"tabel": "x"}, "tabel", "table"),
        ({"url": "postgresql://u:geheim@h/d"}, "url", "url_env"),
        ({"from": {"event": "participation"}}, "from.event", "from.events"),
        ({"from": {"view": "partisipation"}}, "from.view: partisipation", "from.view: participation"),
        ({"columns": ESSENTIAL | {"statons": "tps"}}, "columns.statons", "columns.stations"),
        ({"columns": ESSENTIAL | {"origin": "asal"}}, "columns.origin", "columns.region"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(changes: dict[str, Any], key: str, near: str) -> None:
    error = refusal(**changes)
    assert error.key == key
    assert f"'{near}'" in error.message_en
    assert "geheim" not in str(error)


@pytest.mark.parametrize("key", ["name", "from", "table"])
def test_a_missing_key_is_named(key: str) -> None:
    assert refusal(**{key: ...}).key == key


HOSTILE = [
    'x"; DROP TABLE warga; --',
    "x; SELECT 1",
    "a b",
    "a-b",
    "1a",
    "",
    "a\n",
    "a\0",
    "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "x" * 64,
    "partisipasi'",
    "a/**/b",
    "$1",
    "%s",
    "a.b.c",
    ".a",
    "a.",
    ".",
    "tabél",
    7,
    None,
    ["a"],
    True,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_table_name_is_refused(name: object) -> None:
    assert refusal(table=name).key == "table"


@pytest.mark.parametrize("name", [*HOSTILE, "a.b"])
def test_a_hostile_column_name_is_refused(name: object) -> None:
    assert refusal(columns=ESSENTIAL | {"stations": name}).key == "columns.stations"


@pytest.mark.parametrize("name", ["simpul_offset", "SIMPUL_OFFSET", "x.simpul_offset", "simpul_staging"])
def test_the_sinks_own_tables_are_nobodys_target(name: str) -> None:
    assert refusal(table=name).key == "table"


def test_a_name_of_63_letters_and_one_behind_a_schema_are_taken() -> None:
    assert parse(table="x" * 63).table.path == ("x" * 63,)
    assert parse(table="Statistik.Partisipasi_2024").table.path == ("Statistik", "Partisipasi_2024")


def test_columns_take_the_names_they_are_given_and_no_others() -> None:
    table = parse(columns=ESSENTIAL | {"region_name": "nama"}).table
    assert table.column_names == (*ESSENTIAL.values(), "nama")
    assert table.key == ("tingkat", "wilayah", "jenis_periode", "periode", "pemilu")
    assert table.order == ("revisi",)


@pytest.mark.parametrize("left_out", ESSENTIAL)
def test_a_mapping_without_an_essential_field_is_refused(left_out: str) -> None:
    error = refusal(columns={name: to for name, to in ESSENTIAL.items() if name != left_out})
    assert left_out in error.message_en


def test_events_cannot_go_without_their_action() -> None:
    columns = {"subject": "subjek", "revision": "revisi", "event_id": "id"}
    assert "action" in refusal(**{"from": {"events": "incident"}, "columns": columns}).message_en


def test_two_columns_that_differ_by_case_only_are_refused() -> None:
    assert refusal(columns=ESSENTIAL | {"stations": "WILAYAH"}).key == "columns.stations"


@pytest.mark.parametrize("declared", [None, {}, "participation", {"view": "participation", "events": "incident"}])
def test_a_sink_reads_one_thing(declared: object) -> None:
    assert refusal(**{"from": declared}).key == "from"


@pytest.mark.parametrize("columns", [[], "region", 7])
def test_columns_are_pairs(columns: object) -> None:
    assert refusal(columns=columns).key == "columns"


@pytest.mark.parametrize("text", ["", "[]", "a: [", "!!python/object:os.system {}", "- x", "a: 2024-99-99", "[" * 5000])
def test_what_is_no_mapping_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SinkSpecError) as found:
        parse_spec(text, "sink.yaml")
    assert found.value.__suppress_context__


def test_the_address_comes_from_the_settings() -> None:
    settings = load_settings({"SIMPUL__DATABASE__URL": "postgresql://there/db"})
    assert parse().url(settings, {}) == "postgresql://there/db"


def test_without_an_address_in_the_settings_the_variable_to_set_is_named() -> None:
    with pytest.raises(SettingsError, match="SIMPUL__DATABASE__URL"):
        parse().url(load_settings({}), {})


def test_a_named_variable_wins_over_the_settings() -> None:
    settings = load_settings({"SIMPUL__DATABASE__URL": "postgresql://there/db"})
    assert parse(url_env="STATISTIK_URL").url(settings, {"STATISTIK_URL": "postgresql://here/db"}) == (
        "postgresql://here/db"
    )


def test_an_empty_variable_is_named() -> None:
    with pytest.raises(SinkSpecError, match="STATISTIK_URL"):
        parse(url_env="STATISTIK_URL").url(load_settings({}), {})


@pytest.mark.parametrize("name", ["A B", "", 7, None, "postgresql://u:p@h/d"])
def test_a_variables_name_is_an_identifier(name: object) -> None:
    assert refusal(url_env=name).key == "url_env"


EVENT_COLUMNS = {"subject": "subjek", "revision": "revisi", "event_id": "id", "action": "aksi"}


def test_the_modes_give_a_table_its_key() -> None:
    events = {"from": {"events": "participation"}}
    assert parse(**events, mode="upsert").table.key == ("subject",)
    assert parse(**events, mode="history").table.key == ("subject", "revision", "event_id")
    append = parse(**events, mode="append").table
    assert append.key == ("log_topic", "log_partition", "log_offset")
    assert append.order == parse(mode="history").table.order == ()


def test_an_append_needs_the_place_in_the_log() -> None:
    assert "log_offset" in refusal(**{"from": {"events": "incident"}}, columns=EVENT_COLUMNS, mode="append").message_en


def test_a_withdrawal_deletes_only_from_a_table_of_newest_events() -> None:
    events = {"from": {"events": "participation"}}
    assert parse(**events, withdraw="delete").table.withdraw is Withdraw.DELETE
    assert parse(**events).table.withdraw is Withdraw.FLAG
    assert refusal(**events, withdraw="delete", mode="history").key == "withdraw"
    assert refusal(withdraw="delete").key == "withdraw"


@pytest.mark.parametrize(("key", "value"), [("mode", "upsrt"), ("withdraw", "drop"), ("mode", None), ("mode", ["a"])])
def test_a_mode_that_is_none_is_refused_with_the_nearest(key: str, value: object) -> None:
    assert refusal(**{key: value}).key.startswith(key)


@pytest.mark.parametrize("kind", ["char(8)", "numeric(18, 2)", "timestamp(6) with time zone", "varchar2(40 char)"])
def test_a_column_may_have_a_type_of_the_databases_own(kind: str) -> None:
    column = parse(columns=ESSENTIAL | {"stations": {"name": "tps", "type": kind}}).table.columns[-1]
    assert (column.name, column.type) == ("tps", kind)


@pytest.mark.parametrize(
    "kind", ["int; DROP TABLE x", "int)", "int DEFAULT 'x'", "int -- ", "a" * 81, 7, "int,x int", "int\n"]
)
def test_a_type_that_could_end_a_statement_is_refused(kind: object) -> None:
    assert refusal(columns=ESSENTIAL | {"stations": {"name": "tps", "type": kind}}).key == "columns.stations.type"


def test_the_address_may_stand_in_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://there/db\n", encoding="utf-8")
    secret.chmod(0o600)
    assert parse(url_file=str(secret)).url(load_settings({})) == "postgresql://there/db"
    by_variable = parse(url_env="STATISTIK_URL").url(load_settings({}), {"STATISTIK_URL_FILE": str(secret)})
    assert by_variable == "postgresql://there/db"


def test_a_secret_that_everybody_can_read_is_refused_without_showing_it(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:geheim@there/db", encoding="utf-8")
    secret.chmod(0o644)
    with pytest.raises(SinkSpecError, match="chmod 600") as found:
        parse(url_file=str(secret)).url(load_settings({}))
    assert "geheim" not in str(found.value)


def test_a_secret_file_that_is_not_there_or_is_an_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkSpecError, match="url_file"):
        parse(url_file=str(tmp_path / "none")).url(load_settings({}))
    assert "geheim" not in str(refusal(url_file="postgresql://u:geheim@h/d"))
    assert refusal(url_file="x", url_env="Y").key == "url_file"


def test_every_one_of_two_hundred_hostile_names_is_refused_for_tables_and_columns() -> None:
    parts = ["", *"\"'`][;%?$:{}()=<>|&^~!#@*+,./\\ \t\n\0é", "--", "/*", "OR 1=1", "DROP TABLE x"]
    names = [f"n{left}{right}" for left in parts for right in parts if left or right][:1200:6]
    assert len(names) == 200
    for name in names:
        if "." not in name:
            assert refusal(table=name).key == "table"
        assert refusal(columns=ESSENTIAL | {"stations": name}).key == "columns.stations"
