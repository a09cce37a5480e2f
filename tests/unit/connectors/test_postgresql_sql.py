from simpul_connectors.sinks.dialects import postgresql_sql as statements
from simpul_connectors.sinks.table import Column, Field, Kind, Table

TABLE = Table(
    ("statistik", "Peristiwa"),
    (
        Column("subjek", Field("subject", Kind.TEXT, required=True)),
        Column("revisi", Field("revision", Kind.BIGINT, required=True)),
        Column("id", Field("event_id", Kind.TEXT, required=True)),
        Column("saat", Field("resolved_at", Kind.TIMESTAMP, required=False)),
        Column("klaim", Field("claims", Kind.JSON, required=False)),
    ),
    ("subjek",),
    ("revisi", "id"),
)


def test_the_table_has_a_bytewise_key_and_typed_columns() -> None:
    assert statements.create_table(TABLE).as_string() == (
        'CREATE TABLE "statistik"."Peristiwa" ("subjek" text COLLATE "C" NOT NULL, "revisi" bigint NOT NULL, '
        '"id" text COLLATE "C" NOT NULL, "saat" timestamptz, "klaim" jsonb, PRIMARY KEY ("subjek"))'
    )


def test_only_a_higher_revision_or_a_bytewise_higher_event_id_overwrites() -> None:
    assert statements.upsert(TABLE).as_string() == (
        'INSERT INTO "statistik"."Peristiwa" AS held ("subjek", "revisi", "id", "saat", "klaim") '
        'SELECT "subjek", "revisi", "id", "saat", "klaim" FROM "pg_temp"."simpul_staging" '
        'ON CONFLICT ("subjek") DO UPDATE SET "revisi" = excluded."revisi", "id" = excluded."id", '
        '"saat" = excluded."saat", "klaim" = excluded."klaim" '
        'WHERE ("excluded"."revisi", "excluded"."id" COLLATE "C") > ("held"."revisi", "held"."id" COLLATE "C")'
    )


def test_the_offset_table_stands_beside_the_sinks_own() -> None:
    assert statements.offset_table(TABLE).as_string() == '"statistik"."simpul_offset"'


def test_a_quote_in_a_name_is_doubled_even_if_it_came_this_far() -> None:
    hostile = Table(('x"; DROP TABLE warga; --',), TABLE.columns, TABLE.key, TABLE.order)
    assert '"x""; DROP TABLE warga; --"' in statements.create_table(hostile).as_string()
