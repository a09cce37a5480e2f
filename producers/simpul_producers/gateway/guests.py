"""Who is asking: from the `Authorization` field to a living key, with guesses and requests rated."""

from collections.abc import Callable

from simpul_producers.gateway.buckets import Buckets, retry_after
from simpul_producers.gateway.keys import Key, KeyRing, presented_id
from simpul_producers.gateway.problem import Refused
from simpul_schemas.gateway_settings import GatewayLimits

_CHALLENGE = {"www-authenticate": 'Bearer realm="simpul"'}


class Guests:
    """Lets requests in by their keys.

    Wrong keys are rated per address and key id, so that one wrong key in an office does not lock out its neighbours
    behind the same address, and those that name no key at all per address.
    """

    def __init__(self, ring: KeyRing, limits: GatewayLimits, monotonic: Callable[[], float]) -> None:
        self._ring = ring
        self._guesses = Buckets(limits.guesses_burst, 1 / limits.guess_seconds, monotonic)
        self._requests = Buckets(limits.requests_burst, limits.requests_per_second, monotonic)
        self._events = Buckets(limits.events_burst, limits.events_per_second, monotonic)

    def let_in(self, authorization: str | None, address: str) -> Key:
        """Return the key of a request, or raise `Refused` with 401 or 429; `KeysUnavailable` where it is not known."""
        if authorization is None:
            raise Refused(401, "key.missing", headers=_CHALLENGE)
        scheme, _, presented = authorization.partition(" ")
        presented = presented.strip() if scheme.lower() == "bearer" else ""
        guesser = (address, self._ring.known_id(presented_id(presented)))
        wait = self._guesses.wait_seconds(guesser)
        if wait:
            raise Refused(429, "key.guessed", headers=retry_after(wait))
        key = self._ring.match(presented)
        if key is None:
            self._guesses.take(guesser)
            raise Refused(401, "key.unknown", headers=_CHALLENGE)
        wait = self._requests.take(key.key_id)
        if wait:
            raise Refused(429, "rate.requests", headers=retry_after(wait))
        return key

    def let_pass(self, key: Key, events: int) -> None:
        """Count the events of a request against its key, or raise `Refused` with 429."""
        wait = self._events.take(key.key_id, events)
        if wait:
            raise Refused(429, "rate.events", headers=retry_after(wait))
