"""The rules of early warning: what is wrong in a file is named with what is allowed."""

from pathlib import Path

import pytest

from simpul_processors.alert_rules import load_rules, parse_rule, shipped_rules
from simpul_processors.errors import AlertRuleWrong

GOOD = """
text: {id: Uji, en: Test}
figures: {view: incident, measure: incidents, where: {kind: [CONFLICT], severity: {at_least: SEVERE}}}
level: regency
within_days: 7
at_least: 3
"""


def test_the_rules_that_the_project_carries_are_right() -> None:
    names = [rule.name for rule in shipped_rules()]
    assert names == ["casualties_province", "conflict_cluster", "extreme_incident", "silent_regency"]


def test_at_least_a_symbol_means_it_and_all_that_follow_it() -> None:
    rule = parse_rule("uji.yaml", GOOD)
    assert rule.figures is not None
    assert rule.figures.values == {"kind": {"CONFLICT"}, "severity": {"SEVERE", "EXTREME"}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("at_least: 3", "at_leats: 3", "at_leats"),
        ("view: incident", "view: insiden", "insiden"),
        ("view: incident", "view: budget", "budget"),
        ("measure: incidents", "measure: kejadian", "kejadian"),
        ("kind:", "jenis:", "jenis"),
        ("[CONFLICT]", "[KONFLIK]", "KONFLIK"),
        ("[CONFLICT]", "[]", "kind"),
        ("SEVERE", "PARAH", "PARAH"),
        ("level: regency", "level: kabupaten", "level"),
        ("within_days: 7", "within_days: 0", "within_days"),
        ("within_days: 7", "within_days: 400", "within_days"),
        ("at_least: 3", "at_least: 3\nat_least_days: 3", "figures"),
        ("at_least: 3", "at_least: 3\nname: lain", "name"),
        ("text:", "- x", "YAML"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(before: str, after: str, said: str) -> None:
    assert before in GOOD
    with pytest.raises(AlertRuleWrong) as caught:
        parse_rule("uji.yaml", GOOD.replace(before, after, 1))
    assert said in caught.value.message_en
    assert "uji.yaml" in caught.value.message_id


@pytest.mark.parametrize("text", ["", "[]", "text: {id: a, en: b}\nlevel: regency"])
def test_a_rule_that_watches_nothing_is_refused(text: str) -> None:
    with pytest.raises(AlertRuleWrong):
        parse_rule("uji.yaml", text)


def test_rules_come_from_folders_and_files_and_no_name_twice(tmp_path: Path) -> None:
    (tmp_path / "satu.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "dua.yaml").write_text(GOOD, encoding="utf-8")
    assert [rule.name for rule in load_rules([tmp_path])] == ["dua", "satu"]
    with pytest.raises(AlertRuleWrong, match="already"):
        load_rules([tmp_path, tmp_path / "satu.yaml"])
    with pytest.raises(AlertRuleWrong, match="cannot be read"):
        load_rules([tmp_path / "tiga.yaml"])


def test_regions_limit_a_rule_to_what_lies_in_them() -> None:
    rule = parse_rule("uji.yaml", GOOD + "regions: ['53', '73.71']\n")
    assert [rule.watches(code) for code in ("53", "53.71", "73.71", "73.7", "73.72", "5")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
