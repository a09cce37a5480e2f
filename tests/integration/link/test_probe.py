"""The probe against a real broker with TLS, logins and ACLs: each cause by its own name, and all well where all is."""

from pathlib import Path
from typing import Any

import pytest

from simpul_producers.findings import Grade
from simpul_producers.probe import first_failure, probe_broker
from simpul_schemas.connection import client_options
from simpul_schemas.link_settings import Mechanism, Security
from simpul_schemas.topics import event_topic, receipt_topic

pytestmark = pytest.mark.stack

USER = "w.53.kesbangpol"
MINE, FOREIGN, RECEIPTS = event_topic("53", "incident"), event_topic("31", "incident"), receipt_topic("53")


def probe(settings: Any, write: tuple[str, ...] = (MINE,), read: tuple[str, ...] = (RECEIPTS,)) -> Any:
    return probe_broker(settings.bootstrap_servers, client_options(settings), write, read)


def cause(settings: Any, *topics: str) -> str | None:
    failure = first_failure(probe(settings, topics or (MINE,)))
    return failure.code if failure else None


def test_with_all_as_it_should_be_every_step_is_well(secure_broker: Any) -> None:
    found = probe(secure_broker.settings(USER))
    assert [(each.step.value, each.grade.value) for each in found] == [
        (step, "ok") for step in ("dns", "tcp", "tls", "kafka", "login", "listener", "topic", "receipts")
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "salah"}, "login.refused"),
        ({"user": "tidak.ada"}, "login.refused"),
        ({"mechanism": Mechanism.PLAIN}, "login.mechanism_unknown"),
        ({"listener": "OLD"}, "tls.certificate_expired"),
        ({"listener": "OTHER"}, "tls.other_host"),
        ({"listener": "FAR"}, "listener.unreachable"),
        ({"listener": "ADMIN"}, "tls.not_tls"),
    ],
)
def test_each_cause_has_its_name(secure_broker: Any, changes: dict[str, Any], code: str) -> None:
    settings = secure_broker.settings(**{"user": USER, **changes})
    failure = first_failure(probe(settings))
    assert failure is not None
    assert failure.code == code
    assert failure.remedy_id
    assert failure.remedy_en


def test_a_foreign_authority_is_named(secure_broker: Any) -> None:
    assert cause(secure_broker.settings(USER, ca_file=secure_broker.other_ca_file)) == "tls.unknown_ca"


def test_the_mechanisms_that_the_broker_knows_stand_in_the_remedy(secure_broker: Any) -> None:
    failure = first_failure(probe(secure_broker.settings(USER, mechanism=Mechanism.PLAIN)))
    assert failure is not None
    assert "SCRAM-SHA-512" in failure.remedy_en


def test_a_topic_without_the_right_to_write_is_named_with_the_credential(secure_broker: Any) -> None:
    failure = first_failure(probe(secure_broker.settings(USER), (MINE, FOREIGN)))
    assert failure is not None
    assert (failure.code, failure.where) == ("topic.not_allowed", FOREIGN)
    assert USER in failure.message_id


def test_receipts_that_may_not_be_read_only_warn(secure_broker: Any) -> None:
    found = probe(secure_broker.settings(USER), (MINE,), (receipt_topic("31"),))
    assert first_failure(found) is None
    assert [each.code for each in found if each.grade is Grade.WARN] == ["receipts.not_readable"]


def test_a_broker_that_wants_a_certificate_says_so_and_takes_a_good_one(secure_broker: Any, tmp_path: Path) -> None:
    without = secure_broker.settings(USER, listener="MTLS", security=Security.SSL)
    assert cause(without) == "tls.certificate_wanted"
    pem = secure_broker.authority.issue(tmp_path / "me.pem", names=[], common="w.53.kesbangpol")
    found = probe(without.model_copy(update={"certificate_file": pem, "key_file": pem}), (), ())
    assert first_failure(found) is None


def test_an_expired_certificate_of_ours_is_named(secure_broker: Any, tmp_path: Path) -> None:
    pem = secure_broker.authority.issue(tmp_path / "old.pem", names=[], days=-3)
    settings = secure_broker.settings(USER, listener="MTLS", security=Security.SSL, certificate_file=pem, key_file=pem)
    assert cause(settings) == "tls.client_certificate_refused"


def test_a_line_without_tls_to_a_broker_that_wants_it_is_named(secure_broker: Any) -> None:
    assert cause(secure_broker.settings(USER, security=Security.PLAINTEXT)) == "kafka.wants_tls"


def test_a_login_that_is_asked_for_is_named(secure_broker: Any) -> None:
    assert cause(secure_broker.settings(USER, security=Security.SSL)) == "login.needed"


def test_of_several_servers_one_that_works_is_enough(secure_broker: Any) -> None:
    settings = secure_broker.settings(USER)
    both = settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:1,{settings.bootstrap_servers}"})
    assert cause(both) is None
