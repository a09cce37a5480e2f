from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.portal.quarantine_book import QuarantineBook
from simpul_schemas.log import Partition
from simpul_schemas.quarantine import Marker, Origin, Refusal
from simpul_schemas.topics import event_topic

TOPIC = event_topic("53", "incident")


def refusal(offset: int, code: str = "region.unknown") -> Refusal:
    return Refusal(Origin(Partition(TOPIC, 0), offset), (code,), b"k", b"v", 1, 100 + offset)


def marker(offset: int) -> Marker:
    return Marker(f"53.incident/0@{offset}", "e", TOPIC, "budi", "salah ketik", 9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8))))
def test_each_refusal_counts_once_and_is_open_until_it_is_marked(steps: list[tuple[bool, int]]) -> None:
    book = QuarantineBook()
    refused: set[int] = set()
    marked: set[int] = set()
    for is_marker, offset in steps:
        book.add(marker(offset) if is_marker else refusal(offset))
        (marked if is_marker else refused).add(offset)
    assert book.totals().get("53", (0, 0)) == (len(refused - marked), len(refused & marked))
    assert {name for name, _ in book.open_ids("53", 100)} == {f"53.incident/0@{one}" for one in refused - marked}


def test_reasons_say_when_they_came_and_the_most_frequent_is_first() -> None:
    book = QuarantineBook()
    for offset, code in enumerate(("a.b", "c.d", "c.d")):
        book.add(refusal(offset, code))
    first, second = book.reasons("53")
    assert (first.code, first.open, first.first, first.last) == ("c.d", 2, 101, 102)
    assert second.code == "a.b"
    assert book.reasons("73") == []


def test_beyond_its_bound_it_says_that_there_is_more() -> None:
    book = QuarantineBook(at_most=2)
    for offset in range(4):
        book.add(refusal(offset))
    book.add(marker(3))
    book.add(marker(0))
    assert book.totals() == {"53": (1, 1)}
    assert book.is_cut("53")
    assert not book.is_cut("73")
