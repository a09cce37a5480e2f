"""`simpul receipts`: offline, exit codes, and one flipped bit anywhere is found and names the event."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_producers import receipts_commands
from simpul_producers.outbox import HandedOver, OutboxRow
from simpul_producers.producer import Place
from simpul_producers.receipts import NotProved, settlement
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.errors import SettingsError
from simpul_schemas.merkle import leaf_hash, merkle_root
from simpul_schemas.receipts import Statement, read_receipt, write_receipt
from simpul_schemas.signing import new_signer
from simpul_schemas.wire import frame

ID = "018da000-0000-7000-8000-000000000001"
BODY = bytes([len(ID) * 2]) + ID.encode() + b"isi"
TOPIC = "simpul.53.incident.v1"
SIGNER = new_signer()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one accepted event, and the key that signed its receipt."""
    folder = tmp_path / "data"
    monkeypatch.setenv("SIMPUL__DATA_DIR", str(folder))
    monkeypatch.delenv("SIMPUL_CONFIG", raising=False)
    outbox = SqliteOutbox(folder / "outbox.db")
    outbox.add([OutboxRow(ID, "incident", "s:1", 1, TOPIC, "uji.53", 5, '"x"', BODY)], 1)
    leaves = [leaf_hash(b"other"), leaf_hash(frame(7, BODY))]
    outbox.mark_sent([], 1, handed=[HandedOver(1, 7, leaves[1])])
    outbox.mark_sent([1], 2, {1: Place(0, 1)})
    body = write_receipt(Statement(TOPIC, 0, 0, 2, 2, 2, (), (), merkle_root(leaves).hex()), leaves, SIGNER)
    outbox.settle([settlement(read_receipt(body), body, verified=True)], "log", 1, 3)
    outbox.close()
    (folder / "keys").mkdir()
    (folder / "keys" / "receipts.pub.pem").write_bytes(SIGNER.public_pem)
    return folder


@pytest.fixture
def run(data: Path) -> Callable[..., Result]:
    app = typer.Typer()
    for name in ("list", "verify", "prove"):
        app.command(name)(getattr(receipts_commands, f"receipts_{name}"))
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_an_accepted_event_is_verified_without_a_network(run: Callable[..., Result]) -> None:
    result = run("verify", ID, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"event_id": ID, "proved": True, "fate": "accepted", "topic": TOPIC}


def test_a_proof_file_stands_alone_and_every_flipped_bit_of_it_is_found(
    run: Callable[..., Result], data: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "bukti.json"
    assert run("prove", ID, "--out", proof).exit_code == 0
    (data / "outbox.db").unlink()
    assert run("verify", proof).exit_code == 0
    verify = receipts_commands.key_ring_of(receipts_commands.load_settings())()
    assert verify is not None
    whole = proof.read_bytes()
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        proof.write_bytes(changed)
        with pytest.raises(NotProved):
            receipts_commands._verify_file(proof, verify)


def test_a_changed_body_in_the_outbox_names_the_event(run: Callable[..., Result], data: Path) -> None:
    outbox = SqliteOutbox(data / "outbox.db")
    outbox._connection.execute("UPDATE events SET body = ?", (BODY[:-1] + b"j",))
    outbox.close()
    result = run("verify", ID)
    assert isinstance(result.exception, NotProved)
    assert ID in str(result.exception)
    assert result.exception.exit_code == 1


@pytest.mark.parametrize(
    ("what", "error"), [("tidak-ada", NotProved), ("tidak-ada.json", SettingsError)], ids=["event", "file"]
)
def test_what_is_not_there_is_said(run: Callable[..., Result], what: str, error: type[Exception]) -> None:
    assert isinstance(run("verify", what).exception, error)


def test_without_a_public_key_one_is_told_where_to_put_it(run: Callable[..., Result], data: Path) -> None:
    (data / "keys" / "receipts.pub.pem").unlink()
    result = run("verify", ID)
    assert isinstance(result.exception, SettingsError)
    assert "receipts.public_keys_file" in str(result.exception)


def test_the_list_shows_the_latest_with_their_standing(run: Callable[..., Result]) -> None:
    document: dict[str, Any] = json.loads(run("list", "--json").stdout)
    (entry,) = document["receipts"]
    assert (entry["event_id"], entry["standing"], entry["verified"]) == (ID, "accepted", True)
    assert "Diterima" in run("list").stdout
