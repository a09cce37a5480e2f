"""Choosing ports."""

from __future__ import annotations

import socket

import pytest

from simpul_deploy.errors import PortTaken, WrongUsage
from simpul_deploy.local.ports import PREFERRED, Ports, PortWishes, choose, is_free

REMEMBERED = Ports(kafka=1001, controller=1002, registry=1003, postgresql=1004)
NO_WISH = PortWishes()


def test_the_first_start_takes_the_preferred_ports() -> None:
    assert choose(NO_WISH, None, free=lambda _port: True) == PREFERRED


def test_a_preferred_port_that_is_taken_is_passed_over() -> None:
    chosen = choose(NO_WISH, None, free=lambda port: port != PREFERRED.registry)
    assert chosen.registry == PREFERRED.registry + 10
    assert chosen.kafka == PREFERRED.kafka


def test_the_ports_of_the_last_start_are_taken_again() -> None:
    assert choose(NO_WISH, REMEMBERED, free=lambda _port: True) == REMEMBERED


def test_a_remembered_port_that_is_taken_now_is_replaced() -> None:
    assert choose(NO_WISH, REMEMBERED, free=lambda port: port != 1003).registry == PREFERRED.registry


def test_the_port_of_a_running_service_stays_although_it_is_in_use() -> None:
    assert choose(NO_WISH, REMEMBERED, running={"registry"}, free=lambda port: port != 1003) == REMEMBERED


def test_ports_of_other_instances_are_left_to_them() -> None:
    chosen = choose(NO_WISH, None, reserved={PREFERRED.kafka}, free=lambda _port: True)
    assert chosen.kafka == PREFERRED.kafka + 10


def test_a_wish_is_granted() -> None:
    assert choose(PortWishes(kafka=2000), REMEMBERED, free=lambda _port: True).kafka == 2000


def test_a_wish_for_a_port_another_service_remembers_moves_that_service() -> None:
    chosen = choose(PortWishes(kafka=1003), REMEMBERED, free=lambda _port: True)
    assert (chosen.kafka, chosen.registry) == (1003, PREFERRED.registry)


def test_a_wish_for_a_taken_port_names_the_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortTaken, match=str(port)) as caught:
            choose(PortWishes(postgresql=port), None)
    assert (caught.value.service, caught.value.port) == ("postgresql", port)
    assert is_free(port)


@pytest.mark.parametrize("ports", [{"kafka": 0}, {"kafka": 65536}, {"kafka": 5000, "registry": 5000}])
def test_a_wish_that_cannot_be_meant_is_refused(ports: dict[str, int]) -> None:
    with pytest.raises(WrongUsage):
        PortWishes(**ports)
