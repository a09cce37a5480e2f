"""Keys: bound, kept as a hash only, rotated in pairs, revoked within seconds; guesses are rated."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simpul_producers.errors import GatewayFileError, KeyRefused, KeysUnavailable
from simpul_producers.gateway.guests import Guests
from simpul_producers.gateway.keys import Key, KeyDesk, KeyRing
from simpul_producers.gateway.problem import Refused
from simpul_producers.testing import InMemoryKeyStore
from simpul_schemas.errors import UnknownEventType
from simpul_schemas.gateway_settings import GatewayLimits

DAY = 86_400_000_000
PEPPER = b"p" * 32


class World:
    """A store, a desk and a ring that share clocks which a test moves."""

    def __init__(self) -> None:
        self.micros = 1_795_300_000_000_000
        self.seconds = 100.0
        self.store = InMemoryKeyStore()
        self.desk = KeyDesk(self.store, PEPPER, lambda: self.micros)
        self.ring = self.new_ring(PEPPER)

    def new_ring(self, pepper: bytes) -> KeyRing:
        return KeyRing(self.store, pepper, lambda: self.micros, lambda: self.seconds)

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds
        self.micros += int(seconds * 1_000_000)


@pytest.fixture
def world() -> World:
    return World()


def make(world: World, region: str = "73.71", source: str = "sitimdu.73", days: int = 30) -> tuple[Key, str]:
    return world.desk.create(region, source, (), days)


def test_a_key_opens_and_nothing_near_it_does(world: World) -> None:
    key, text = make(world)
    assert world.ring.match(text) == key
    other = make(world, source="lain")[1]
    mixed = text.split(".")[0] + "." + other.split(".")[1]
    for wrong in ("", ".", text[:-1], text + "A", text.swapcase(), mixed, f" {text}", text.split(".")[1], "é" * 56):
        assert world.ring.match(wrong) is None


def test_the_secret_has_256_bits_and_is_kept_nowhere(world: World) -> None:
    key, text = make(world)
    key_id, secret = text.split(".")
    assert (key.key_id, len(secret)) == (key_id, 43)
    assert secret not in repr(world.store.all_keys())
    assert secret.encode() not in key.mac
    assert len(key.mac) == 32


def test_the_key_file_alone_is_worth_nothing_without_the_pepper(world: World) -> None:
    _, text = make(world)
    assert world.new_ring(b"q" * 32).match(text) is None


def test_a_key_covers_its_region_and_all_inside_it_and_no_neighbour_with_the_same_digits(world: World) -> None:
    key, _ = make(world, region="73.71")
    covered = [region for region in ("73.71", "73.71.01", "73.72", "73", "73.7", "73.711", "") if key.covers(region)]
    assert covered == ["73.71", "73.71.01"]


def test_a_key_ends_with_its_last_day(world: World) -> None:
    key, text = make(world, days=2)
    world.micros = key.expires_at - 1
    assert world.ring.match(text) == key
    world.micros = key.expires_at
    assert world.ring.match(text) is None


def test_a_revoked_key_is_refused_within_five_seconds(world: World) -> None:
    key, text = make(world)
    assert world.ring.match(text) is not None
    world.desk.revoke(key.key_id)
    world.pass_seconds(4.9)
    assert world.ring.match(text) is None


def test_a_new_key_opens_within_five_seconds(world: World) -> None:
    make(world)
    world.ring.look()
    _, text = make(world, source="lain")
    world.pass_seconds(4.9)
    assert world.ring.match(text) is not None


def test_a_ring_that_cannot_look_lets_nobody_in_after_five_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = make(world)
    assert world.ring.match(text) is not None

    def fail() -> int:
        raise GatewayFileError(Path("keys.db"), "gone")

    monkeypatch.setattr(world.store, "version", fail)
    world.pass_seconds(4.9)
    assert world.ring.match(text) is not None
    world.pass_seconds(0.2)
    with pytest.raises(KeysUnavailable, match="gone"):
        world.ring.match(text)
    monkeypatch.undo()
    assert world.ring.match(text) is not None


def test_after_a_rotation_both_keys_live_until_the_grace_ends(world: World) -> None:
    key, old = make(world)
    successor, new = world.desk.rotate(key.key_id, 30, 7)
    assert (successor.region, successor.source) == (key.region, key.source)
    assert world.ring.match(old) is not None
    assert world.ring.match(new) is not None
    world.pass_seconds(7 * 86_400)
    assert world.ring.match(old) is None
    assert world.ring.match(new) is not None


def test_a_rotation_never_lengthens_the_life_of_the_old_key(world: World) -> None:
    key, _ = make(world, days=2)
    world.desk.rotate(key.key_id, 30, 7)
    assert world.store.all_keys()[0].expires_at == key.expires_at


def test_no_more_than_two_keys_live_for_one_binding(world: World) -> None:
    first, _ = make(world)
    make(world)
    with pytest.raises(KeyRefused, match=first.key_id):
        make(world)
    with pytest.raises(KeyRefused, match=first.key_id):
        world.desk.rotate(first.key_id, 30, 7)
    world.desk.revoke(first.key_id)
    make(world)


@pytest.mark.parametrize(
    ("region", "source", "types", "error"),
    [
        ("99", "a", (), KeyRefused),
        ("", "a", (), KeyRefused),
        ("73.71", "", (), KeyRefused),
        ("73.71", "dengan spasi", (), KeyRefused),
        ("73.71", "a", ("banjir",), UnknownEventType),
    ],
)
def test_a_key_that_would_open_nothing_is_not_made(
    world: World, region: str, source: str, types: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        world.desk.create(region, source, types, 30)
    assert world.store.all_keys() == []


def test_unknown_and_dead_keys_are_told_apart_when_managed(world: World) -> None:
    with pytest.raises(KeyRefused, match="gateway key list"):
        world.desk.revoke("nope")
    key, _ = make(world)
    first = world.desk.revoke(key.key_id)
    world.pass_seconds(5)
    assert world.desk.revoke(key.key_id).revoked_at == first.revoked_at
    with pytest.raises(KeyRefused, match="gateway key create"):
        world.desk.rotate(key.key_id, 30, 7)


def refused(let_in: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        let_in()
    return caught.value.status, caught.value.code


def test_guesses_are_cut_off_per_address_and_a_right_key_is_then_not_even_looked_at(world: World) -> None:
    _, text = make(world)
    guests = Guests(world.ring, GatewayLimits(guesses_burst=3, guess_seconds=10), lambda: world.seconds)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert guests.let_in(f"bearer {text}", "1.2.3.4").source == "sitimdu.73"
    assert [refused(lambda: guests.let_in(f"Bearer {wrong}", "1.2.3.4"))[0] for _ in range(5)] == [
        401,
        401,
        401,
        429,
        429,
    ]
    assert refused(lambda: guests.let_in(f"Bearer {text}", "1.2.3.4")) == (429, "key.guessed")
    assert guests.let_in(f"Bearer {text}", "5.6.7.8") is not None
    world.pass_seconds(10)
    assert guests.let_in(f"Bearer {text}", "1.2.3.4") is not None


def test_a_neighbour_who_guesses_at_ids_that_do_not_exist_locks_nobody_else_out(world: World) -> None:
    _, text = make(world)
    guests = Guests(world.ring, GatewayLimits(guesses_burst=2), lambda: world.seconds)
    secret = "A" * 43
    found = [
        refused(lambda number=number: guests.let_in(f"Bearer k{number}.{secret}", "1.2.3.4"))[0] for number in range(4)
    ]
    assert found == [401, 401, 429, 429]
    assert guests.let_in(f"Bearer {text}", "1.2.3.4") is not None


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic abc", "Bearer a b", "Bearer \xff.\xff"])
def test_what_is_no_bearer_key_is_refused(world: World, authorization: str) -> None:
    guests = Guests(world.ring, GatewayLimits(), lambda: world.seconds)
    assert refused(lambda: guests.let_in(authorization, "a")) == (401, "key.unknown")
    assert refused(lambda: guests.let_in(None, "a")) == (401, "key.missing")


def test_requests_and_events_are_rated_per_key_and_the_wait_is_told(world: World) -> None:
    limits = GatewayLimits(requests_burst=2, requests_per_second=0.5, events_burst=10, events_per_second=2)
    guests = Guests(world.ring, limits, lambda: world.seconds)
    key, text = make(world)
    guests.let_in(f"Bearer {text}", "a")
    guests.let_in(f"Bearer {text}", "b")
    with pytest.raises(Refused) as caught:
        guests.let_in(f"Bearer {text}", "c")
    assert (caught.value.code, caught.value.headers) == ("rate.requests", {"retry-after": "2"})
    guests.let_pass(key, 8)
    with pytest.raises(Refused) as caught:
        guests.let_pass(key, 5)
    assert (caught.value.code, caught.value.headers) == ("rate.events", {"retry-after": "2"})
    world.pass_seconds(5)
    # More than a full bucket is let pass once it is full: a large batch must not be refused for ever.
    guests.let_pass(key, 5)
    world.pass_seconds(5)
    guests.let_pass(key, 500)
