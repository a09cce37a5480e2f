import pytest

from simpul_connectors.sinks.source import event_source, view_source
from simpul_connectors.sinks.table import Kind
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import UnknownEventType, UnknownView
from simpul_schemas.figures import VIEW_SPECS


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_type_is_a_source_of_38_topics_with_every_field(name: str) -> None:
    source = event_source(name)
    assert len(source.topics) == 38
    assert f"simpul.73.{name}.v1" in source.topics
    assert [field.name for field in source.fields] == list(EVENT_TYPES[name].model.model_fields)


@pytest.mark.parametrize("name", VIEW_SPECS)
def test_every_view_is_a_source_whose_figures_carry_the_name_of_their_region(name: str) -> None:
    source = view_source(name)
    names = [field.name for field in source.fields]
    assert source.topics == (f"simpul.view.{name}.v1",)
    assert names[:6] == ["level", "region", "region_name", "period_kind", "period", "revision"]
    assert source.key == ("level", "region", *VIEW_SPECS[name].dimension_names)
    assert set(source.key) < set(names)


def test_fields_know_their_kind_and_whether_they_may_be_unknown() -> None:
    fields = {field.name: field for field in event_source("incident").fields}
    assert fields["occurred_at"].kind is Kind.TIMESTAMP
    assert fields["occurred_at"].required
    assert fields["resolved_at"].kind is Kind.TIMESTAMP
    assert not fields["resolved_at"].required
    assert fields["phase"].kind is Kind.TEXT
    assert fields["latitude"].kind is Kind.DOUBLE
    assert fields["killed"].kind is Kind.BIGINT
    assert {field.name: field.kind for field in event_source("report").fields}["claims"] is Kind.JSON


def test_what_the_contract_does_not_have_is_no_source() -> None:
    with pytest.raises(UnknownEventType):
        event_source("weather")
    with pytest.raises(UnknownView):
        view_source("weather")
