"""Aid handed over, line by line: each event's lines are summed by unit, and its list of units is unfolded later."""

import polars as pl

from simpul_processors.distinct import quoted
from simpul_processors.view import View, by_day
from simpul_schemas.events.aid_handover import MAX_TOTAL_SEN
from simpul_schemas.figures import NOT_STATED
from simpul_schemas.figures.aid_items import AID_ITEMS

#: A unit is free text; longer ones are cut, so that the keys of figures stay short.
UNIT_CHARACTERS = 40
#: Quantities are thousandths.
_SCALE = 1000


def lists_by_unit(items: pl.Series) -> pl.Series:
    """Write the lines of each event as JSON, `[[unit, measure, ...], ...]` in the order of the view's measures.

    Value times quantity can leave 64 bits where no total has bounded it; beyond what a total may be it is not counted.
    """
    events = pl.DataFrame({"items": items}).with_row_index("event")
    parts = _by_unit(events.explode("items").drop_nulls().unnest("items")).select(
        "event",
        part=pl.format(
            "[{}" + ",{}" * len(AID_ITEMS.measures) + "]",
            pl.col("unit").map_batches(quoted, return_dtype=pl.String),
            *AID_ITEMS.measure_names,
        ),
    )
    lists = parts.group_by("event").agg(pl.col("part").sort().str.join(","))
    found = events.join(lists, on="event", how="left", maintain_order="left")
    return found.select(pl.format("[{}]", pl.col("part").fill_null("")))["part"]


def _by_unit(lines: pl.DataFrame) -> pl.DataFrame:
    unit = pl.col("unit").str.strip_chars().str.to_lowercase().str.head(UNIT_CHARACTERS)
    quantity = pl.col("quantity_thousandths")
    value = quantity.cast(pl.Int128) * pl.col("unit_value_sen")
    sums = lines.group_by("event", pl.when(unit != "").then(unit).fill_null(NOT_STATED).alias("unit")).agg(
        handovers=pl.lit(1),
        lines=pl.len(),
        lines_counted=quantity.count(),
        quantity_thousandths=quantity.sum(),
        lines_valued=value.count(),
        value_sen=value.sum().floordiv(_SCALE),
    )
    countable = pl.col("value_sen") <= MAX_TOTAL_SEN
    return sums.with_columns(
        pl.when(countable).then(name).otherwise(0).alias(name) for name in ("lines_valued", "value_sen")
    )


VIEW = View(
    spec=AID_ITEMS,
    period=by_day(),
    dimensions={
        "aid_kind": pl.col("aid_kind"),
        "status": pl.col("status"),
        "unit": pl.col("items").map_batches(lists_by_unit, return_dtype=pl.String),
    },
    # The first counts the events that have a list; what the list says is its own.
    measures={name: pl.lit(int(name == AID_ITEMS.measure_names[0])) for name in AID_ITEMS.measure_names},
)
