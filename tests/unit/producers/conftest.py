"""Small tables of polling stations, with the header and the dirt of the real ones."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = (
    "provinsi,kabupaten_kota,kecamatan,kelurahan_desa,tps,Time Stamp,"
    "Jumlah pemilih dalam DPT,Jumlah pemilih dalam DPT L,Jumlah pemilih dalam DPT P,"
    "Jumlah pengguna hak pilih dalam DPT,Jumlah pengguna hak pilih dalam DPT L,Jumlah pengguna hak pilih dalam DPT P,"
    "Jumlah pengguna hak pilih dalam DPTb,"
    "Jumlah pengguna hak pilih dalam DPTb L,Jumlah pengguna hak pilih dalam DPTb P,"
    "Jumlah pengguna hak pilih dalam DPK,Jumlah pengguna hak pilih dalam DPK L,Jumlah pengguna hak pilih dalam DPK P,"
    "Jumlah pengguna hak pilih,Jumlah pengguna hak pilih L,Jumlah pengguna hak pilih P,"
    "JUMLAH SELURUH SUARA SAH,JUMLAH SUARA TIDAK SAH,JUMLAH SELURUH SUARA SAH DAN SUARA TIDAK SAH,"
    "ANIES MUHAIMIN,PRABOWO GIBRAN,GANJAR MAHFUD"
)
CORRECTIONS_HEADER = "commit_time,version," + HEADER
PLACE = "17-bengkulu,01-bengkulu-selatan,01-kedurang,2001-batu-ampar"
COUNTS = "233,118,115,184,89,95,2,2,0,0,0,0,186,91,95,184,2,186,20,144,20"
EMPTY_COUNTS = "," * 20


def station(number: int = 1, time: str = "2024-02-15 12:00:28", counts: str = COUNTS, place: str = PLACE) -> str:
    """Return one row of the main file."""
    return f"{place},{number:03}-tps,{time},{counts}"


@pytest.fixture
def a_station() -> Callable[..., str]:
    return station


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    """Write a table of polling stations and return its path."""

    def write(
        rows: list[str], name: str = "tps.csv", header: str = HEADER, encoding: str = "utf-8", mark: bytes = b""
    ) -> Path:
        content = mark + "\r\n".join([header, *rows, ""]).encode(encoding, errors="surrogateescape")
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def corrections_header() -> str:
    return CORRECTIONS_HEADER


@pytest.fixture
def empty_counts() -> str:
    return EMPTY_COUNTS
