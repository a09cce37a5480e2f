"""What is refused has a text of its own, by which a store knows that it was folded under other rules."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.events.budget import MAX_AMOUNT_SEN
from simpul_schemas.expressions import Constant, Field, as_text
from simpul_schemas.rules import RuleSet, Severity

RULES = EVENT_TYPES["budget"].rules


def test_it_is_the_same_in_every_process_and_differs_between_types() -> None:
    code = "from simpul_schemas.contract import EVENT_TYPES as t; print([one.rules.declaration for one in t.values()])"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {str([one.rules.declaration for one in EVENT_TYPES.values()])}
    assert len({one.rules.declaration for one in EVENT_TYPES.values()}) == len(EVENT_TYPES)


@pytest.mark.parametrize("change", ["fewer", "another limit", "now it only warns"])
def test_it_changes_with_what_is_refused(change: str) -> None:
    first, *others = RULES.rules
    changed = {
        "fewer": others,
        "another limit": [replace(first, broken=Field("revision") < 2), *others],
        "now it only warns": [replace(first, severity=Severity.WARN), *others],
    }[change]
    assert RuleSet(tuple(changed), RULES.kinds).declaration != RULES.declaration


def test_words_and_warnings_change_nothing() -> None:
    words = [replace(rule, message=rule.remedy) for rule in RULES.rules]
    without = [rule for rule in RULES.rules if rule.severity is not Severity.WARN]
    assert len(without) < len(words)
    for rules in (words, without):
        assert RuleSet(tuple(rules), RULES.kinds).declaration == RULES.declaration


def test_every_part_of_an_expression_is_in_its_text() -> None:
    limit = Field("ceiling_sen") > MAX_AMOUNT_SEN
    assert as_text(limit) != as_text(Field("ceiling_sen") > MAX_AMOUNT_SEN + 1)
    assert as_text(limit) != as_text(Field("realisation_sen") > MAX_AMOUNT_SEN)
    assert as_text(limit) != as_text(Field("ceiling_sen") >= MAX_AMOUNT_SEN)
    assert as_text(Field("a").one_of(frozenset("xy"))) == as_text(Field("a").one_of(frozenset("yx")))
    assert as_text(Constant(1)) != as_text(Constant("1"))
