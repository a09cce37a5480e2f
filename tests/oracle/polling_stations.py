"""The referee of the demo: what must come out, by duckdb from the raw files alone; it shares no code with the project.

Tests load this file by its path, since tests are not a package.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

_SQL = Path(__file__).with_name("polling_stations.sql")
_REGIONS = Path(__file__).parents[2] / "schemas/simpul_schemas/data/regions.csv"

#: The columns of a file, as KPU's copies have them.
PLACE = ("provinsi", "kabupaten_kota", "kecamatan", "kelurahan_desa", "tps")
COUNTS = {
    "registered": "Jumlah pemilih dalam DPT",
    "registered_male": "Jumlah pemilih dalam DPT L",
    "registered_female": "Jumlah pemilih dalam DPT P",
    "voted_dpt": "Jumlah pengguna hak pilih dalam DPT",
    "voted_dpt_male": "Jumlah pengguna hak pilih dalam DPT L",
    "voted_dpt_female": "Jumlah pengguna hak pilih dalam DPT P",
    "voted_dptb": "Jumlah pengguna hak pilih dalam DPTb",
    "voted_dptb_male": "Jumlah pengguna hak pilih dalam DPTb L",
    "voted_dptb_female": "Jumlah pengguna hak pilih dalam DPTb P",
    "voted_dpk": "Jumlah pengguna hak pilih dalam DPK",
    "voted_dpk_male": "Jumlah pengguna hak pilih dalam DPK L",
    "voted_dpk_female": "Jumlah pengguna hak pilih dalam DPK P",
    "turned_out": "Jumlah pengguna hak pilih",
    "turned_out_male": "Jumlah pengguna hak pilih L",
    "turned_out_female": "Jumlah pengguna hak pilih P",
    "valid": "JUMLAH SELURUH SUARA SAH",
    "invalid": "JUMLAH SUARA TIDAK SAH",
    "total": "JUMLAH SELURUH SUARA SAH DAN SUARA TIDAK SAH",
}

#: The measures of a figure, in the order of the project's document.
MEASURES = (
    "stations",
    "stations_reported",
    "registered",
    "turned_out",
    "valid",
    "invalid",
    "rate_registered",
    "rate_turned_out",
)
#: The newest accepted statement of a station: what names it, its counts.
STATEMENT = ("region", "village", "station", "registered", "turned_out", "valid", "invalid")

Figures = dict[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True)
class Truth:
    """What must come out: `figures` by (level, region), `statements` one row a station (see `STATEMENT`)."""

    rows_read: int
    refused_by_code: dict[str, int]
    accepted: int
    statements: set[tuple[object, ...]]
    figures: Figures

    @property
    def stored(self) -> int:
        """Stations with an accepted statement."""
        return len(self.statements)

    @property
    def superseded(self) -> int:
        """Accepted statements that a newer one has replaced."""
        return self.accepted - self.stored

    @property
    def refused(self) -> int:
        """Rows that were refused."""
        return sum(self.refused_by_code.values())

    @property
    def unchanged(self) -> int:
        """Rows that say what another row has said."""
        return self.rows_read - self.refused - self.accepted

    def level(self, level: str) -> dict[str, dict[str, int]]:
        """Return the figures of a level by region, each by the name of its measure."""
        return {
            region: dict(zip(MEASURES, values, strict=True))
            for (at, region), values in sorted(self.figures.items())
            if at == level
        }


def truth(files: Iterable[Path]) -> Truth:
    """Compute what must come out of these files; raises ValueError where the rules leave it open."""
    with duckdb.connect() as database:
        database.execute("SET VARIABLE files = ?", [[str(path) for path in files]])
        database.execute("SET VARIABLE regions = ?", [str(_REGIONS)])
        database.execute(_SQL.read_text(encoding="utf-8"))
        undecided = database.execute("SELECT * FROM undecided").fetchall()
        if undecided:
            message = f"two statements of one moment differ: {undecided[:3]}"
            raise ValueError(message)
        ((rows_read, accepted),) = database.execute(
            "SELECT (SELECT count(*) FROM raw), (SELECT count(*) FROM accepted)"
        ).fetchall()
        refused = database.execute("SELECT refused, count(*) FROM judged WHERE refused IS NOT NULL GROUP BY 1")
        refused_by_code = dict(refused.fetchall())
        names = ", ".join(STATEMENT[1:])
        statements = database.execute(f"SELECT district, {names} FROM newest").fetchall()
        figures = database.execute(f"SELECT level, region, {', '.join(MEASURES)} FROM figures").fetchall()
    return Truth(
        rows_read=rows_read,
        refused_by_code=refused_by_code,
        accepted=accepted,
        statements=set(statements),
        figures={(level, region): tuple(values) for level, region, *values in figures},
    )


def differences(expected: Figures, found: Figures) -> list[str]:
    """Name every (level, region) whose figures differ, or that only one side has."""
    return [
        f"{level} {region}: expected {expected.get((level, region))}, found {found.get((level, region))}"
        for level, region in sorted(expected.keys() | found.keys())
        if expected.get((level, region)) != found.get((level, region))
    ]


@dataclass(frozen=True)
class Row:
    """A row of a made-up file: the station's place, its time of day, the counts that are given, by their names here."""

    station: str
    hour: int
    counts: Mapping[str, int | str]
    place: tuple[str, str, str, str] = ("73-SULAWESI SELATAN", "71-MAKASSAR", "01-MARISO", "1001-BONTORANNU")


def write_file(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of polling stations."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow([*PLACE, "Time Stamp", *COUNTS.values()])
        for row in rows:
            stamp = f"2024-02-15 {row.hour:02}:00:00"
            table.writerow([*row.place, f"{row.station}-tps", stamp, *(row.counts.get(name, "") for name in COUNTS)])


def _votes(registered: int | str, turned_out: int, invalid: int = 0) -> dict[str, int | str]:
    return {
        "registered": registered,
        "turned_out": turned_out,
        "valid": turned_out - invalid,
        "invalid": invalid,
        "total": turned_out,
    }


_ABROAD = ("99-LUAR NEGERI", "01-DEN HAAG", "01-DEN HAAG", "0001-DEN HAAG")
_NO_DISTRICT = ("73-SULAWESI SELATAN", "71-MAKASSAR", "99-TIDAK ADA", "1001-BONTORANNU")
_MAMAJANG = ("73-SULAWESI SELATAN", "71-MAKASSAR", "02-MAMAJANG", "1001-BAJI MAPPAKASUNGGU")
_MAMAJANG_SPELLED_ANEW = ("73-sulawesi-selatan", "71-kota-makassar", "02-mamajang", "1001-baji-mappakasunggu")

#: Rows at the edges of the rules, each with what must become of it; the sums are in `HARD_FIGURES`, made by hand.
HARD_ROWS = (
    Row("001", 8, _votes(1000, 1200, 10)),  # exactly at both limits: accepted, and only warned about
    Row("002", 8, _votes(1001, 900)),  # refused: registered above 1,000
    Row("003", 8, _votes(10, 13)),  # refused: turnout above 1.2 times
    Row("004", 8, _votes(2000, 9999)),  # both: refused under the first of them
    Row("005", 8, {"valid": 5, "invalid": 1, "total": 7}),  # refused: votes do not sum
    Row("006", 8, {}),  # accepted, and has not reported
    Row("007", 8, {"registered": 50, "invalid": 3, "total": 9}),  # unknown is neither 0 nor a difference
    Row("008", 8, {"voted_dpk_female": 7}),  # one count of no figure: has reported
    Row("009", 8, _votes(0, 0)),  # zero is known
    Row("010", 8, _votes(0, 1)),  # refused: turnout above 1.2 times nothing
    Row("011", 8, _votes("0100", 60)),  # the same statement twice, once written otherwise:
    Row("011", 8, _votes(100, 60)),  # one event
    Row("012", 8, _votes(100, 80)),  # stands, because
    Row("012", 9, _votes(100, 500)),  # its correction is refused: turnout
    Row("013", 9, _votes(200, 150, 5)),  # the newer one wins, though
    Row("013", 8, _votes(200, 20)),  # the older one comes behind it
    Row("014", 8, _votes(300, 250)),  # retracted by
    Row("014", 9, {}),  # a newer statement that knows nothing
    Row("015", 8, {"turned_out": 30}),  # turned out without registered: in no rate
    Row("001", 8, _votes(70, 40), _MAMAJANG),  # the same station,
    Row("001", 9, _votes(70, 50), _MAMAJANG_SPELLED_ANEW),  # spelled anew, and newer
    Row("001", 8, _votes(90, 50), _ABROAD),  # refused: region
    Row("001", 8, _votes(5000, 9), _NO_DISTRICT),  # refused: region comes before registered
)
_MARISO_SUM = (10, 8, 1450, 1520, 1475, 18, 1400, 1490)
_MAMAJANG_SUM = (1, 1, 70, 50, 50, 0, 70, 50)
_SUM = tuple(map(sum, zip(_MARISO_SUM, _MAMAJANG_SUM, strict=True)))
HARD_FIGURES: Figures = {
    ("district", "73.71.01"): _MARISO_SUM,
    ("district", "73.71.02"): _MAMAJANG_SUM,
    ("regency", "73.71"): _SUM,
    ("province", "73"): _SUM,
    ("nation", "ID"): _SUM,
}
