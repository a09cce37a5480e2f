"""The rows of one transaction: judged, given their ids, and taken into the outbox.

A row that tells its revision (a time stamp of its own) is an event at once. Of one that does not, the outbox decides:
what it said last of the subject is the same (nothing is added), something else (a correction, with the next revision),
or nothing. Its id is made of its content and of the id before it, so that two imports at the same time, or one that is
killed and begun again, give the same event.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from simpul_producers.admission import judge, taken_back, to_row
from simpul_producers.imports.bind import Cells
from simpul_producers.imports.convert import RowMapper
from simpul_producers.imports.refusals import (
    Finding,
    Refusal,
    RefusalReport,
    from_finding,
    from_lifecycle,
    from_rules,
)
from simpul_producers.outbox import Outbox, OutboxRow
from simpul_schemas.identity import stable_event_id
from simpul_schemas.lifecycles import judge_transition
from simpul_schemas.rows import decode


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record with the rows that it comes from: the number of the first, how many, and the first one's cells."""

    number: int
    rows: int
    cells: Cells
    record: dict[str, Any]
    warnings: tuple[str, ...]


class Batch:
    """The rows of one transaction; `now` is when they are published.

    `said` holds what this import has said of each subject so far, by the hash of its content.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the outside things of an import, each of its own kind
        self, mapper: RowMapper, file: str, report: RefusalReport, outbox: Outbox | None, said: dict[str, int], now: int
    ) -> None:
        self.now = now
        self.rows_read = 0
        self.refused = 0
        self.merged = 0
        self.acceptable = 0
        self.published = 0
        self.unchanged = 0
        self.warnings: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self._mapper = mapper
        self._kind = mapper.event_type
        self._file = file
        self._report = report
        self._outbox = outbox
        self._said = said
        self._rows: list[OutboxRow] = []
        self._unstamped: list[Candidate] = []

    def refuse(self, number: int, finding: Finding) -> None:
        """Write down why a row cannot become an event."""
        self.refused += 1
        self._report.add(from_finding(self._file, number, finding))

    def take(self, candidate: Candidate) -> None:
        """Judge a record and keep it for `finish`, or write down why not."""
        record = candidate.record
        record["published_at"] = self.now
        for name in self._mapper.now_fields:
            record[name] = self.now
        if self._mapper.stamped:
            self._mapper.stamp(record)
            if self._passes(candidate):
                self._rows.append(to_row(self._kind, record))
            return
        record["revision"] = self.now
        content = self._mapper.content(record)
        record["event_id"] = self._id_after("", record, content)
        if self._is_news(candidate, hash(content)) and self._passes(candidate):
            self._said[record["subject"]] = hash(content)
            self._unstamped.append(candidate)

    def _is_news(self, candidate: Candidate, content: int) -> bool:
        """Return whether this import has not said anything of the subject yet."""
        before = self._said.get(candidate.record["subject"])
        if before == content:
            self.acceptable += 1
            self.unchanged += self._outbox is not None
            self.merged += candidate.rows - 1
        elif before is not None:
            subject = candidate.record["subject"]
            refusal = from_finding(self._file, candidate.number, Finding("import.subject_repeated", "subject", subject))
            self._refuse_all(candidate, refusal)
        return before is None

    def _passes(self, candidate: Candidate) -> bool:
        verdict = judge(self._kind, candidate.record, self.now)
        if verdict:
            rules = self._kind.rules
            broken = rules.broken_rules(verdict)
            if rules.refuses(verdict):
                value = self._mapper.raw(broken[0].fields, candidate.cells)
                self._refuse_all(candidate, from_rules(self._file, candidate.number, broken, value))
                return False
            self.warnings.update(rule.code for rule in broken)
        if candidate.warnings:
            self.warnings.update(candidate.warnings)
        self.acceptable += 1
        self.merged += candidate.rows - 1
        return True

    def _refuse_all(self, candidate: Candidate, refusal: Refusal) -> None:
        self.refused += candidate.rows
        self._report.add(replace(refusal, rows=candidate.rows))

    def finish(self) -> None:
        """Take what was kept into the outbox, in one transaction."""
        outbox = self._outbox
        if outbox is not None and self._unstamped:
            self._rows += self._revised(outbox)
        if outbox is not None and self._rows:
            new = outbox.add(self._rows, self.now)
            self.published += new
            self.unchanged += len(self._rows) - new
        self._report.flush()

    def _revised(self, outbox: Outbox) -> list[OutboxRow]:
        """Give revisions to what is new or has changed since this outbox said it last."""
        changed: list[Candidate] = []
        said: dict[str, OutboxRow] = {}
        for candidate in self._unstamped:
            record = candidate.record
            row = outbox.latest(record["subject"])
            before = decode(json.loads(row.schema), row.body) if row and row.event_type == self._kind.name else None
            if row is not None and before is not None:
                said[row.subject] = row
                content = self._mapper.content(record)
                if self._mapper.content(before) == content:
                    self.unchanged += 1
                    continue
                if self._breaks_lifecycle(candidate, before):
                    continue
                record["event_id"] = self._id_after(before["event_id"], record, content)
            changed.append(candidate)
        revisions = outbox.reserve_revisions([each.record["subject"] for each in changed], self.now) if changed else []
        for candidate, revision in zip(changed, revisions, strict=True):
            candidate.record["revision"] = revision
        rows = [to_row(self._kind, candidate.record) for candidate in changed]
        backs = (taken_back(said[row.subject], row) for row in rows if row.subject in said)
        return [*(back for back in backs if back is not None), *rows]

    def _breaks_lifecycle(self, candidate: Candidate, before: dict[str, Any]) -> bool:
        if before["mode"] != candidate.record["mode"]:
            return False
        broken = judge_transition(self._kind.name, before, candidate.record)
        if broken:
            self.acceptable -= 1
            self.merged -= candidate.rows - 1
            value = f"{before[broken[0].field]} → {candidate.record[broken[0].field]}"
            self._refuse_all(candidate, from_lifecycle(self._file, candidate.number, broken[0], value))
        return bool(broken)

    def _id_after(self, before: str, record: dict[str, Any], content: str) -> str:
        # The milliseconds of the id are those of the occurrence, which a second import tells as well.
        return stable_event_id(
            record["occurred_at"], record["source"], self._kind.name, record["subject"], before, content
        )
