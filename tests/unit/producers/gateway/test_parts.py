"""Small parts: buckets, languages, health, the background sender, the pepper, the journal."""

import io
import json
import logging
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.errors import GatewayFileError
from simpul_producers.gateway import buckets as buckets_module
from simpul_producers.gateway.buckets import Buckets
from simpul_producers.gateway.drainer import Drainer
from simpul_producers.gateway.health import Health
from simpul_producers.gateway.peppers import load_pepper
from simpul_producers.gateway.words import WORDS, language_of
from simpul_producers.sender import DrainResult
from simpul_schemas.errors import BrokerUnavailable, SettingsError
from simpul_schemas.settings import load_settings
from simpul_schemas.web.journal import Journal, JournalHandler

_DEADLINE_SECONDS = 20.0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4)), max_size=50))
def test_no_bucket_gives_more_than_its_burst_and_its_rate(asks: list[tuple[float, int]]) -> None:
    now = 0.0
    bucket = Buckets(5, 2.0, lambda: now)
    given_out = 0
    for pause, tokens in asks:
        now += pause
        given_out += 0 if bucket.take("a", tokens) else tokens
        assert given_out <= 5 + 2.0 * now + 1e-6


def test_who_waits_as_long_as_told_gets_its_tokens() -> None:
    now = 0.0
    bucket = Buckets(2, 0.5, lambda: now)
    assert bucket.take("a", 2) == 0
    now += bucket.take("a", 2)
    assert now == 4.0
    assert bucket.take("a", 2) == 0
    assert bucket.take("b", 2) == 0


def test_the_number_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets_module, "_MOST_BUCKETS", 3)
    bucket = Buckets(1, 1.0, lambda: 0.0)
    for name in range(10):
        bucket.take(name)
    assert len(bucket._levels) == 3
    assert bucket.take(9) > 0


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        *(
            ("", "id"),
            ("en", "en"),
            ("en-US,en;q=0.9", "en"),
            ("id-ID,id;q=0.9,en;q=0.8", "id"),
            ("*", "id"),
            ("fr", "id"),
        ),
        *(("en;q=0.5, id;q=0.4", "en"), ("id, en", "id"), ("en;q=x", "id"), ("en;q=0", "id"), (";;,,=", "id")),
    ],
)
def test_indonesian_is_spoken_unless_english_is_preferred(asked: str, language: str) -> None:
    assert language_of(asked) == language


def test_every_code_has_words_in_both_languages() -> None:
    for code, text in WORDS.items():
        assert "." in code
        assert text.indonesian.endswith((".", ")"))
        assert text.english.endswith((".", ")"))
        assert text.indonesian != text.english


def test_a_gateway_is_ready_without_a_broker_and_says_so() -> None:
    def away() -> None:
        raise BrokerUnavailable("tidak ada", "nobody there")

    now = 0.0
    health = Health({"outbox": lambda: None, "broker": away}, frozenset({"outbox"}), lambda: now)
    assert not health.ready
    health.ask_all()
    now = 4.0
    assert health.document() == {
        "ready": True,
        "checks": {
            "outbox": {"ok": True, "needed": True, "reason": "", "age_seconds": 4.0},
            "broker": {"ok": False, "needed": False, "reason": "nobody there", "age_seconds": 4.0},
        },
    }


def test_a_gateway_whose_outbox_fails_or_was_not_heard_of_for_long_is_not_ready() -> None:
    now = 0.0
    trouble: list[BrokerUnavailable] = []

    def outbox() -> None:
        for error in trouble:
            raise error

    health = Health({"outbox": outbox}, frozenset({"outbox"}), lambda: now)
    health.ask_all()
    assert health.ready
    now = 60.0
    assert not health.ready
    health.ask_all()
    assert health.ready
    trouble.append(BrokerUnavailable("rusak", "broken"))
    health.ask_all()
    assert not health.ready


def test_the_sender_sends_what_waits_and_goes_on_after_a_failure() -> None:
    done, waiting, calls = threading.Event(), [3], []

    class OneFailure:
        def drain(self) -> DrainResult:
            calls.append(1)
            if len(calls) == 1:
                raise BrokerUnavailable("pergi", "away")
            waiting[0] = 0
            done.set()
            return DrainResult(sent=3)

    drainer = Drainer(OneFailure, lambda: waiting[0])
    drainer.start()
    drainer.wake()
    assert done.wait(_DEADLINE_SECONDS)
    drainer.stop()
    assert (drainer.state.sent, drainer.state.reason) == (3, "")
    assert len(calls) == 2


def test_why_nothing_is_sent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blocked:
        def drain(self) -> DrainResult:
            return DrainResult(blocked={"simpul.73.incident.v1": "no right"})

    drainer = Drainer(Blocked, lambda: 1)
    assert not drainer._drain_once()
    assert drainer.state.reason == "simpul.73.incident.v1: no right"


def test_a_pepper_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings({"SIMPUL__DATA_DIR": str(tmp_path / "new")})
    first = load_pepper(settings)
    assert len(first) >= 32
    assert load_pepper(settings) == first
    assert (tmp_path / "new" / "gateway-pepper").stat().st_mode & 0o077 == 0


def test_a_pepper_comes_from_the_environment_or_a_file_and_never_shows(tmp_path: Path) -> None:
    given_pepper = "rahasia-yang-cukup-panjang"
    settings = load_settings({"SIMPUL__GATEWAY__PEPPER": given_pepper})
    assert load_pepper(settings) == given_pepper.encode()
    assert given_pepper not in repr(settings)
    path = tmp_path / "pepper"
    path.write_text(f"{given_pepper}\n")
    path.chmod(0o600)
    named = load_settings({"SIMPUL__GATEWAY__PEPPER_FILE": str(path)})
    assert load_pepper(named) == given_pepper.encode()
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_pepper(named)
    with pytest.raises(SettingsError, match="16"):
        load_pepper(load_settings({"SIMPUL__GATEWAY__PEPPER": "pendek"}))
    with pytest.raises(GatewayFileError, match="nowhere"):
        load_pepper(load_settings({"SIMPUL__GATEWAY__PEPPER_FILE": str(tmp_path / "nowhere")}))


def test_what_an_exception_quotes_never_reaches_the_journal() -> None:
    stream = io.StringIO()
    journal = Journal(stream, lambda: 1_795_300_000_000_000)
    logger = logging.getLogger("simpul.test.library")
    logger.propagate = False
    logger.addHandler(JournalHandler(journal))
    try:
        int("NIK 3173012345678901")
    except ValueError as error:
        journal.write_error("here", error)
        logger.exception("failed for %s", "3173012345678901")
    logger.error("refused %s", "3173012345678901")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["error", "error", "library"]
    assert lines[0]["kind"] == "ValueError"
    assert "3173012345678901" not in stream.getvalue()
