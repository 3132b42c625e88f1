"""Loading: the consumer's annotation decides the shape, the store's record and the annotation the type."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import BaseModel

from autostore import StorageError, StorageFileNotFoundError, UnsupportedFormatError
from autostore_dagster import Partitions

days = dg.DailyPartitionsDefinition("2013-01-01", end_date="2013-01-04")
DAYS = days.get_partition_keys()
colors = dg.StaticPartitionsDefinition(["red", "007", "blue"])


def fill(rig, asset, definition=days):
    """Materialize every partition of an asset."""
    for key in definition.get_partition_keys():
        rig.run(asset, partition=key)


@dg.asset(partitions_def=days)
def number(context) -> int:
    """The day of the month, as an int."""
    return int(context.partition_key[-2:])


@dg.asset(partitions_def=colors)
def table(context) -> pl.DataFrame:
    """A table of one row for each color."""
    return pl.DataFrame({"x": [len(context.partition_key)], "y": ["text"]})


def consumer(annotation, upstream="number", *, metadata=None, mapping=None, check=None, **options):
    """An asset that hands what it was given to `check`."""

    @dg.asset(
        ins={"given": dg.AssetIn(upstream, metadata=metadata, partition_mapping=mapping)},
        **options,
    )
    def consuming(given: annotation) -> None:
        check(given)

    return consuming


def received(rig, annotation, *upstream, partition=None, expect=True, **more):
    """What a consumer of this annotation is given in a run of its own."""
    seen = []
    asset = consumer(annotation, upstream[0].key, check=seen.append, **more)
    rig.run(asset, *upstream, select=[asset], partition=partition, expect=expect)
    return seen[0] if seen else None


def takes_mappings():
    """Whether this Dagster takes the annotation; 1.13.0 does not."""
    try:
        dg.In(Mapping[str, int])
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


# The types of values are the same wherever they lie; what asks a place for something is tried on S3 too.
TYPES = pytest.mark.parametrize("rig", ["local"], indirect=True)
MAPPINGS = [Mapping[str, int]] if takes_mappings() else []


@pytest.mark.parametrize("annotation", [dict[str, int], *MAPPINGS, dict, dict[str, int] | None, Any])
def test_a_dict_by_partition(rig, annotation):
    """Several partitions come as a dict, in the order of the partitions definition."""
    fill(rig, number)
    given = received(rig, annotation, number)
    assert given == {"2013-01-01": 1, "2013-01-02": 2, "2013-01-03": 3}
    assert list(given) == DAYS


def test_the_order_is_the_definition_s(rig):
    """Not the alphabet's, and not that in which Dagster hands the keys."""
    fill(rig, table, colors)
    assert list(rig.load(table, dict[str, pl.DataFrame], between=("red", "blue"))) == ["red", "007", "blue"]
    assert list(received(rig, dict[str, pl.DataFrame], table)) == ["red", "007", "blue"]


@TYPES
@pytest.mark.parametrize(("annotation", "wanted"), [(int, 1), (Any, 1), (int | None, 1)])
def test_one_to_one_gives_the_object(rig, annotation, wanted):
    """A consumer with the same partitions gets the bare value."""
    rig.run(number, partition=DAYS[0])
    assert received(rig, annotation, number, partitions_def=days, partition=DAYS[0]) == wanted


@TYPES
@pytest.mark.parametrize("annotation", [dict[str, int], dict[str, Any], Any])
def test_a_set_of_one_partition_is_still_a_dict(rig, annotation):
    """A definition that has one partition today gives the same shape as one that has two."""
    only = dg.StaticPartitionsDefinition(["a"])

    @dg.asset(partitions_def=only)
    def one() -> int:
        return 5

    rig.run(one, partition="a")
    assert received(rig, annotation, one) == {"a": 5}


def windows(cron, start, end):
    """The windows of a schedule, between two days."""
    return dg.TimeWindowPartitionsDefinition(cron_schedule=cron, fmt="%Y-%m-%d", start=start, end=end)


def grid(**dimensions):
    """A definition of several dimensions."""
    return dg.MultiPartitionsDefinition(dimensions)


def by_dimension(**mappings):
    """Upstream dimensions, mapped to those of the same name."""
    return dg.MultiPartitionMapping(
        {name: dg.DimensionPartitionMapping(name, mapping) for name, mapping in mappings.items()}
    )


class Custom(dg.PartitionMapping):
    """A mapping of a user's own, to the partition of the same name."""

    description = "The same."
    _same = dg.IdentityPartitionMapping()

    def validate_partition_mapping(self, *args, **kwargs):
        """All is well."""

    def get_upstream_mapped_partitions_result_for_partitions(self, *args, **kwargs):
        """As the identity."""
        return self._same.get_upstream_mapped_partitions_result_for_partitions(*args, **kwargs)

    def get_downstream_partitions_for_partitions(self, *args, **kwargs):
        """As the identity."""
        return self._same.get_downstream_partitions_for_partitions(*args, **kwargs)


DAY = DAYS[0]
red = dg.StaticPartitionsDefinition(["red"])
warm = dg.StaticPartitionsDefinition(["red", "orange", "yellow"])
day = dg.DailyPartitionsDefinition(DAY, end_date=DAYS[1])
later = dg.DailyPartitionsDefinition("2012-12-31", end_date="2013-01-08")
hours = dg.HourlyPartitionsDefinition("2013-01-01-00:00", end_date="2013-01-01-03:00")
hour = dg.HourlyPartitionsDefinition("2013-01-01-00:00", end_date="2013-01-01-01:00")
weeks = dg.WeeklyPartitionsDefinition("2012-12-30", end_date="2013-01-13")
months = dg.MonthlyPartitionsDefinition("2013-01-01", end_date="2013-03-01")
red_day, red_hour = f"red|{DAY}", "red|2013-01-01-02:00"
same, every = dg.IdentityPartitionMapping(), dg.AllPartitionMapping()
overlapping = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
dimension = dg.MultiToSingleDimensionPartitionMapping

# The consumer's partitions and its key, the upstream's and its key, and the mapping.
ONE = {
    "the last": (None, None, days, DAYS[-1], dg.LastPartitionMapping()),
    "one that is named": (None, None, days, DAY, dg.SpecificPartitionsPartitionMapping([DAY])),
    "named, of another": (colors, "red", days, DAY, dg.SpecificPartitionsPartitionMapping([DAY])),
    "the same": (colors, "red", colors, "red", None),
    "the identity": (colors, "red", warm, "red", same),
    "the inferred identity": (colors, "red", warm, "red", None),
    "the same days": (days, DAY, later, DAY, dg.TimeWindowPartitionMapping()),
    "the same days, inferred": (days, DAY, later, DAY, None),
    "the day before": (days, DAYS[1], days, DAY, dg.TimeWindowPartitionMapping(-1, -1)),
    "the day of an hour": (hours, "2013-01-01-02:00", days, DAY, None),
    "the week of a day": (days, DAY, weeks, "2012-12-30", None),
    "the month of a day": (days, DAY, months, DAY, dg.TimeWindowPartitionMapping()),
    "keys one by one": (colors, "red", warm, "red", dg.StaticPartitionMapping({"red": ["red", "blue"]})),
    "a dimension": (grid(day=days, color=colors), red_day, days, DAY, None),
    "a dimension, said": (grid(day=days, color=colors), red_day, colors, "red", dimension()),
    "the day of a dimension": (grid(hour=hours, color=colors), red_hour, days, DAY, None),
    "the same dimensions": (grid(day=days, color=colors), red_day, grid(day=days, color=colors), red_day, None),
    "every dimension": (
        grid(day=days, color=colors), red_day, grid(day=later, color=warm), red_day,
        by_dimension(day=dg.TimeWindowPartitionMapping(), color=same),
    ),
}  # fmt: skip

MANY = {
    "all": (colors, "red", red, "red", every),
    "a day and that before": (days, DAY, day, DAY, dg.TimeWindowPartitionMapping(-1, 0, True)),
    "the hours of a day": (days, DAY, hour, "2013-01-01-00:00", overlapping),
    "the days of a week": (weeks, "2012-12-30", day, DAY, overlapping),
    "the weeks of a month": (months, DAY, windows("0 0 * * 2", DAY, "2013-01-08"), DAY, overlapping),
    "a month's first and Mondays": (months, DAY, windows("0 0 1 * 1", DAY, "2013-01-07"), DAY, overlapping),
    "the hours before": (days, DAYS[1], hour, "2013-01-01-00:00", dg.TimeWindowPartitionMapping(-1, -1, True)),
    "keys, two of another": (
        colors, "red", warm, "red", dg.StaticPartitionMapping({"red": "red", "orange": "blue", "yellow": "blue"}),
    ),
    "the other dimension": (days, DAY, grid(day=days, color=red), red_day, None),
    "the other dimension, said": (days, DAY, grid(day=days, color=red), red_day, dimension()),
    "a dimension left out": (
        grid(day=days, color=colors), red_day, grid(day=days, color=red), red_day, by_dimension(day=same),
    ),
    "all of a dimension": (
        grid(day=days, color=colors), red_day, grid(day=days, color=red), red_day, by_dimension(day=same, color=every),
    ),
    "a user's own": (colors, "red", red, "red", Custom()),
}  # fmt: skip


def received_of_one(rig, own, own_key, upstream, key, mapping, **more):
    """What an un-annotated consumer gets of a mapping that leads to one partition today."""

    @dg.asset(partitions_def=upstream)
    def up() -> int:
        return 5

    rig.run(up, partition=key)
    return received(rig, Any, up, mapping=mapping, partitions_def=own, partition=own_key, **more)


@pytest.mark.parametrize("case", ONE)
def test_mappings_to_one(local_rig, case):
    """A mapping that always leads to one partition gives its bare value."""
    assert received_of_one(local_rig, *ONE[case]) == 5


@pytest.mark.parametrize("case", MANY)
def test_mappings_to_many(local_rig, case):
    """A mapping that may lead to several partitions gives a dict, also where there is only one today."""
    assert received_of_one(local_rig, *MANY[case]) == {MANY[case][3]: 5}


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (dg.BackfillPolicy.single_run(), {DAY: 5}),
        (dg.BackfillPolicy.multi_run(2), {DAY: 5}),
        (dg.BackfillPolicy.multi_run(1), 5),
    ],
)
def test_a_consumer_of_ranges_gets_a_dict_for_one_day_too(local_rig, policy, wanted):
    """A consumer whose runs may have several partitions gets the same shape for a run of one."""
    assert received_of_one(local_rig, days, DAY, days, DAY, None, backfill_policy=policy) == wanted


@TYPES
@pytest.mark.parametrize("annotation", [dict[str, int], dict[str, Any], dict, Any])
def test_a_stored_dict_is_not_mistaken(rig, annotation):
    """A value that is a dict itself comes bare to a one-to-one consumer, by partition to the others."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def one() -> dict[str, int]:
        return {"x": 1}

    rig.run(one, partition="a")
    assert received(rig, annotation, one, partitions_def=one.partitions_def, partition="a") == {"x": 1}
    assert received(rig, dict[str, dict], one) == {"a": {"x": 1}}


@TYPES
@pytest.mark.parametrize("partitions_def", [None, colors])
def test_a_stored_dict_of_frames(rig, partitions_def):
    """A value that is a dict of frames comes bare to a one-to-one consumer, as it does without partitions."""

    @dg.asset(partitions_def=partitions_def)
    def sides() -> dict[str, pl.DataFrame]:
        return {"left": pl.DataFrame({"x": [1]}), "right": pl.DataFrame({"x": [2]})}

    partition = "red" if partitions_def else None
    rig.run(sides, partition=partition)
    given = received(rig, dict[str, pl.DataFrame], sides, partitions_def=partitions_def, partition=partition)
    assert {name: frame["x"].item() for name, frame in given.items()} == {"left": 1, "right": 2}


@TYPES
@pytest.mark.parametrize("annotation", [dict[str, int] | None, dict | None])
def test_a_stored_none_is_not_a_dict_of_none(rig, annotation):
    """A None where a dict may be comes bare to a one-to-one consumer, by partition to the others."""

    @dg.asset(partitions_def=red)
    def maybe() -> dict[str, int] | None:
        return None

    rig.run(maybe, partition="red")
    mapping = {"partitions_def": red, "partition": "red"}
    assert received(rig, annotation, maybe, **mapping) is None
    assert received(rig, dict[str, int | None], maybe, **mapping) == {"red": None}
    assert received(rig, dict[str, int | None] | None, maybe) == {"red": None}
    assert received(rig, dict[str, int], maybe, **mapping, expect=False) is None


def test_no_partition(rig):
    """Zero upstream partitions are an empty dict, and None for any other annotation."""
    window = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dg.asset(partitions_def=days, ins={"running": dg.AssetIn(partition_mapping=window)})
    def running(context, running: int | None) -> int:
        return (running or 0) + int(context.partition_key[-2:])

    fill(rig, running)
    assert rig.load(running, dict[str, int], between=(DAYS[0], DAYS[-1])) == dict(zip(DAYS, [1, 3, 6], strict=True))
    before = dg.TimeWindowPartitionMapping(start_offset=-2, end_offset=-1)
    mapping = {"mapping": before, "partitions_def": days, "partition": DAYS[0]}
    assert received(rig, dict[str, int], number, **mapping) == {}
    assert received(rig, int | None, number, **mapping) is None


@TYPES
def test_many_partitions_do_not_fit_one_type(rig):
    """An annotation that cannot hold several partitions is refused with one that can."""
    fill(rig, number)
    with pytest.raises(UnsupportedFormatError, match=r"dict\[str, int\]"):
        rig.load(number, int, between=(DAYS[0], DAYS[-1]))
    for asked in (list[int], dict[int, int]):
        with pytest.raises(UnsupportedFormatError, match=r"as dict\[str, int\]"):
            rig.load(number, asked, between=(DAYS[0], DAYS[-1]))


@TYPES
def test_a_frame_under_another_annotation(rig):
    """It is told what lies there, and which `as_type` is meant: nobody wrote one."""

    @dg.asset
    def framed() -> pl.DataFrame:
        return pl.DataFrame({"a": [1]})

    rig.run(framed)
    for asked in (dict, int):
        with pytest.raises(UnsupportedFormatError, match=r"it is a table.*annotation is what as_type is here"):
            rig.load(framed, asked)


@pytest.mark.parametrize("kind", [pl.DataFrame, pl.LazyFrame, pl.LazyFrame | None])
def test_one_frame_of_all_partitions(rig, kind):
    """All partitions as one frame, with the partition as text: "007" stays "007"."""
    fill(rig, table, colors)
    given = received(rig, kind, table)
    assert isinstance(given, pl.DataFrame if kind is pl.DataFrame else pl.LazyFrame)
    wanted = pl.DataFrame({"x": [3, 3, 4], "y": ["text"] * 3, "partition": ["red", "007", "blue"]})
    assert_frame_equal(given.lazy().collect(), wanted)


def test_a_frame_of_one_partition_has_the_column_too(rig):
    """The schema does not depend on how many partitions there are; one-to-one gives the bare table."""
    fill(rig, table, colors)
    assert rig.load(table, pl.DataFrame, between=("red", "red")).columns == ["x", "y", "partition"]
    assert rig.load(table, pl.DataFrame, partition="red").columns == ["x", "y"]


def test_a_frame_of_two_dimensions(rig):
    """Every dimension is a column of its own."""

    @dg.asset(partitions_def=grid(day=days, color=colors))
    def cells() -> pl.DataFrame:
        return pl.DataFrame({"x": [1]})

    for color in colors.get_partition_keys():
        rig.run(cells, partition=dg.MultiPartitionKey({"day": DAYS[0], "color": color}))
    given = received(rig, pl.DataFrame, cells, metadata={"allow_missing_partitions": True})
    assert sorted(given.rows()) == [(1, "007", DAYS[0]), (1, "blue", DAYS[0]), (1, "red", DAYS[0])]
    assert given.columns == ["x", "color", "day"]
    one = dg.MultiPartitionKey({"day": DAYS[0], "color": "007"})
    assert rig.load(cells, pl.DataFrame, partition=one).columns == ["x"]


def test_a_column_of_that_name_stays(rig):
    """A table's own column wins over the partition's."""

    @dg.asset(partitions_def=colors)
    def owning(context) -> pl.DataFrame:
        return pl.DataFrame({"partition": [1.5]})

    fill(rig, owning, colors)
    assert received(rig, pl.DataFrame, owning)["partition"].to_list() == [1.5] * 3


def test_tables_that_grew(rig):
    """A column that came later is null before, and whole numbers become decimals where a partition has them."""
    grown = {"red": {"x": [1]}, "007": {"x": [1.5], "new": ["n"]}, "blue": {"x": [2]}}

    @dg.asset(partitions_def=colors)
    def growing(context) -> pl.DataFrame:
        return pl.DataFrame(grown[context.partition_key])

    fill(rig, growing, colors)
    given = received(rig, pl.DataFrame, growing)
    assert given.select("x", "new").rows() == [(1.0, None), (1.5, "n"), (2.0, None)]


def test_none_and_missing(rig):
    """A stored None is in the dict and no row of a frame; a missing partition is an error, unless it is allowed."""

    @dg.asset(partitions_def=colors)
    def maybe(context) -> pl.DataFrame | None:
        return None if context.partition_key == "007" else pl.DataFrame({"x": [1]})

    rig.run(maybe, partition="red")
    rig.run(maybe, partition="007")
    with pytest.raises(StorageFileNotFoundError, match=r"1 partition.*blue"):
        rig.load(maybe, dict[str, Any], between=("red", "blue"))
    allowed = {"allow_missing_partitions": True}
    given = received(rig, dict[str, pl.DataFrame | None], maybe, metadata=allowed)
    assert list(given) == ["red", "007"]
    assert given["007"] is None
    assert received(rig, pl.DataFrame, maybe, metadata=allowed)["partition"].to_list() == ["red"]


def test_nothing_stored_says_what_to_do(rig):
    """Loading what was never materialized names the asset."""

    @dg.asset(key=["raw", "nothing"])
    def nothing() -> int:
        return 1

    with pytest.raises(StorageFileNotFoundError, match=r"raw/nothing is not stored.*Materialize"):
        rig.load(nothing)


def test_an_option_of_ours_that_no_input_has(local_rig):
    """A misplaced option of an input is refused with those that it has; the user's own metadata is the user's."""
    local_rig.store()["number"] = 5
    spec = dg.AssetSpec("number").with_io_manager_key("io_manager")
    assert local_rig.load(spec, metadata={"mine": 1}) == 5
    with pytest.raises(UnsupportedFormatError, match=r"autostore/columns.*allow_missing_partitions"):
        local_rig.load(spec, metadata={"autostore/columns": ["a"]})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("column", "columns"),
        ("collumns", "columns"),
        ("as-of", "as_of"),
        ("Version", "version"),
        ("allow_missing_partition", "allow_missing_partitions"),
        ("allowMissingPartitions", "allow_missing_partitions"),
    ],
)
def test_a_misspelt_option_is_refused(local_rig, name, meant):
    """It would read all columns, or today's value instead of yesterday's, in silence; other names are the user's."""
    local_rig.store()["number"] = 5
    spec = dg.AssetSpec("number").with_io_manager_key("io_manager")
    with pytest.raises(UnsupportedFormatError, match=f"{name}.*Did you mean '{meant}'"):
        local_rig.load(spec, metadata={name: ["a"]})
    assert local_rig.load(spec, metadata={"conversion": "x", "rows": 1, "owner": "me"}) == 5


def test_whether_partitions_may_lack_is_no_text(local_rig):
    """The text "false" allowed it."""

    @dg.asset(partitions_def=colors)
    def part() -> int:
        return 1

    with pytest.raises(UnsupportedFormatError, match=r"allow_missing_partitions.*'false'.*True or False"):
        local_rig.load(part, metadata={"allow_missing_partitions": "false"})


@pytest.mark.parametrize("stored", ["nothing", "None"])
@pytest.mark.parametrize("annotation", [pl.DataFrame, pl.LazyFrame, pl.DataFrame | None])
def test_a_frame_of_what_is_allowed_to_lack(rig, annotation, stored):
    """A fan-in of which nothing is there, or but None, is a frame without rows, not a None."""

    @dg.asset(partitions_def=colors)
    def maybe() -> pl.DataFrame | None:
        return None

    if stored == "None":
        fill(rig, maybe, colors)
    for given in (
        rig.load(maybe, annotation, metadata={"allow_missing_partitions": True}),
        received(rig, annotation, maybe, metadata={"allow_missing_partitions": True}),
    ):
        assert isinstance(given, pl.LazyFrame if annotation is pl.LazyFrame else pl.DataFrame)
        assert given.lazy().collect().schema == {"partition": pl.String}


def test_one_value_that_is_allowed_to_lack(local_rig):
    """The only partition lacks: None where the annotation allows it, else the error says what would."""

    @dg.asset(partitions_def=colors)
    def part() -> int:
        return 1

    allowed = {"allow_missing_partitions": True}
    assert local_rig.load(part, int | None, partition="red", metadata=allowed) is None
    assert local_rig.load(part, partition="red", metadata=allowed) is None
    assert local_rig.load(part, dict[str, int], partition="red", metadata=allowed) == {}
    assert local_rig.load(part, pl.DataFrame, partition="red", metadata=allowed).is_empty()
    with pytest.raises(StorageFileNotFoundError, match=r"no partition of asset part.*int \| None"):
        local_rig.load(part, int, partition="red", metadata=allowed)


def test_an_asset_of_another_code_location_that_has_partitions(rig):
    """Named here without its partitions it is not "not stored": the error says what lies there, and what to name."""

    @dg.asset(partitions_def=colors)
    def elsewhere(context) -> str:
        return context.partition_key

    rig.run(elsewhere, partition="red")
    bare = dg.AssetSpec("elsewhere").with_io_manager_key("io_manager")
    with pytest.raises(
        StorageFileNotFoundError, match=r"by partition, 'partition=red' for one.*partitions_def"
    ) as told:
        rig.load(bare)
    assert "Materialize" not in str(told.value)
    named = dg.AssetSpec("elsewhere", partitions_def=colors).with_io_manager_key("io_manager")
    assert rig.load(named, partition="red") == "red"
    rig.store()["alone/other"] = 1
    with pytest.raises(StorageFileNotFoundError, match="Materialize it first"):
        rig.load(dg.AssetSpec("alone").with_io_manager_key("io_manager"))


@pytest.mark.parametrize("annotation", [int, pl.DataFrame, Partitions])
def test_partitions_under_folders_of_another_name(local_rig, annotation):
    """`day=...` of another program, or a definition that changed its kind: the error says what lies there."""

    @dg.asset(partitions_def=days)
    def daily() -> int:
        return 1

    local_rig.store()[f"daily/day={DAY}/data"] = 1
    with pytest.raises(StorageFileNotFoundError, match=rf"not stored.*'day={DAY}'.*called date=\.\.\."):
        list(local_rig.load(daily, annotation, between=(DAY, DAY)))
    local_rig.run(daily, partition=days.get_partition_keys()[-1])
    del local_rig.store()[f"daily/day={DAY}/data"]
    with pytest.raises(StorageFileNotFoundError, match="Materialize them first"):
        local_rig.load(daily, int, partition=DAY)


@pytest.mark.parametrize("kind", [pl.DataFrame, pl.LazyFrame, Any])
def test_columns_of_one_table(rig, kind):
    """Only the columns that the input names are read."""

    @dg.asset
    def wide() -> pl.DataFrame:
        return pl.DataFrame({"a": [1], "b": [2], "c": [3]})

    rig.run(wide)
    given = received(rig, kind, wide, metadata={"columns": ["c", "a"]})
    assert given.lazy().collect().rows() == [(3, 1)]
    assert given.lazy().collect_schema().names() == ["c", "a"]


@pytest.mark.parametrize("kind", ["pandas.DataFrame", "pyarrow.Table"])
@pytest.mark.parametrize("annotated", [True, False])
def test_columns_of_other_tables(local_rig, kind, annotated):
    """Tables of pandas and arrow are cut alike."""
    package, _, name = kind.partition(".")
    table = getattr(pytest.importorskip(package), name)

    @dg.asset
    def wide() -> Any:
        return getattr(pl.DataFrame({"a": [1], "b": [2], "c": [3]}), f"to_{package.removeprefix('py')}")()

    local_rig.run(wide)
    given = received(local_rig, table if annotated else Any, wide, metadata={"columns": ["c", "a"]})
    assert isinstance(given, table)
    assert pl.DataFrame(given).to_dicts() == [{"c": 3, "a": 1}]


def test_columns_of_what_is_no_table(rig):
    """A None is a None, as ever; anything else that is no table is refused, with what to do."""
    values = [None, {"a": 1}]

    @dg.asset
    def maybe() -> Any:
        return values.pop(0)

    rig.run(maybe)
    for annotation in (Any, pl.DataFrame | None):
        assert rig.load(maybe, annotation, metadata={"columns": ["a"]}) is None
    rig.run(maybe)
    with pytest.raises(UnsupportedFormatError, match=r"maybe.*dict.*Take the metadata away"):
        rig.load(maybe, metadata={"columns": ["a"]})


WITHOUT_POLARS = """
import sys
sys.modules["polars"] = None
import dagster as dg, pandas as pd
from autostore_dagster import AutoStoreIOManager

manager = AutoStoreIOManager(uri=sys.argv[1])
written = dg.build_output_context(asset_key=dg.AssetKey("table"))
manager.handle_output(written, pd.DataFrame({"a": [1], "b": [2]}))
reading = dg.build_input_context(
    asset_key=dg.AssetKey("table"), upstream_output=written, definition_metadata={"columns": ["b"]},
    dagster_type=dg.PythonObjectDagsterType(pd.DataFrame),
)
assert manager.load_input(reading).to_dict("list") == {"b": [2]}
"""


def test_columns_without_polars(tmp_path):
    """Where only pandas is installed, columns of its tables are read."""
    pytest.importorskip("pandas")
    subprocess.run([sys.executable, "-c", WITHOUT_POLARS, str(tmp_path)], check=True, timeout=120)


def test_columns_of_all_partitions(rig):
    """Columns may name the partition as well."""
    fill(rig, table, colors)
    given = received(rig, pl.DataFrame, table, metadata={"columns": ["partition", "x"]})
    assert given.rows() == [("red", 3), ("007", 3), ("blue", 4)]


def test_columns_are_pushed_into_the_scan(rig):
    """The plan of a lazy input reads no other column."""
    fill(rig, table, colors)
    given = received(rig, pl.LazyFrame, table, metadata={"columns": ["x"]})
    assert "PROJECT 1/3 COLUMNS" in given.explain()


@TYPES
@pytest.mark.parametrize("columns", ["x", 5, [1]])
def test_columns_are_a_list_of_names(rig, columns):
    """A lone name would be read as its letters: refused."""
    fill(rig, table, colors)
    with pytest.raises(dg.DagsterInvariantViolationError, match="list of column names"):
        rig.load(table, pl.DataFrame, partition="red", metadata={"columns": columns})


@TYPES
def test_recorded_types_come_back(rig):
    """Without an annotation each value comes back as what it was."""

    @dg.asset
    def lazy():
        return pl.LazyFrame({"x": [1]})

    @dg.asset
    def array():
        return np.arange(3)

    rig.run(lazy, array)
    assert isinstance(rig.load(lazy), pl.LazyFrame)
    assert isinstance(rig.load(lazy, pl.DataFrame), pl.DataFrame)
    assert rig.load(array).tolist() == [0, 1, 2]


class Shape(BaseModel):
    """A base class that consumers annotate."""

    sides: int = 0


class Square(Shape):
    """What is stored."""

    sides: int = 4
    width: float = 1.0


class Renamed(BaseModel):
    """What Square is called after a refactoring."""

    sides: int
    width: float


@TYPES
@pytest.mark.parametrize("annotation", [Square, Shape, BaseModel, Any, Shape | None])
def test_a_base_class_takes_nothing_away(rig, annotation):
    """A consumer that annotates a base class is given the object that was stored, whole."""

    @dg.asset
    def shape() -> Square:
        return Square(width=2.0)

    rig.run(shape)
    assert rig.load(shape, annotation) == Square(width=2.0)


FIELDS = {"sides": 4, "width": 2.0}


@TYPES
@pytest.mark.parametrize(("annotation", "wanted"), [(dict, FIELDS), (Renamed, Renamed(**FIELDS))])
def test_another_class_is_made_of_the_fields(rig, annotation, wanted):
    """A dict, or the class by its new name, is made of a stored model's fields."""

    @dg.asset
    def shape() -> Square:
        return Square(width=2.0)

    rig.run(shape)
    assert rig.load(shape, annotation) == wanted


def test_a_class_that_is_gone(local_rig, monkeypatch):
    """Where the recorded class does not exist any more, the annotation's is made of the fields."""

    @dg.asset
    def shape() -> Square:
        return Square(width=2.0)

    local_rig.run(shape)
    monkeypatch.delattr(f"{__name__}.Square")
    assert local_rig.load(shape, Renamed) == Renamed(sides=4, width=2.0)
    with pytest.raises(StorageError, match="Square"):
        local_rig.load(shape)


@TYPES
class Line(BaseModel):
    """A row."""

    x: int


def test_a_list_is_asked_for_outside_of_runs(rig):
    """Nobody checks what `load_asset_value` gives: a table is its rows, and what does not fit is an error."""
    rig.store().update({"table": pl.DataFrame({"x": [1, 2]}), "rows": [{"y": 1}], "text": "abc"})
    table, rows, text = (dg.AssetSpec(key).with_io_manager_key("io_manager") for key in ("table", "rows", "text"))
    assert rig.load(table, list[dict]) == [{"x": 1}, {"x": 2}]
    assert rig.load(table, list[Line]) == [Line(x=1), Line(x=2)]
    for spec, annotation in ((rows, list[Line]), (rows, dict[str, Line]), (text, list), (text, list[str])):
        with pytest.raises(UnsupportedFormatError):
            rig.load(spec, annotation)


def test_a_wrong_annotation_is_refused(rig):
    """What cannot become the annotation's type is an error that names both."""

    @dg.asset
    def number() -> int:
        return 5

    rig.run(number)
    with pytest.raises(UnsupportedFormatError, match=r"number.*int.*DataFrame|DataFrame.*int"):
        rig.load(number, pl.DataFrame)
    with pytest.raises(UnsupportedFormatError, match="Renamed"):
        rig.load(number, Renamed)


def test_a_running_event_loop(rig):
    """Many partitions load where a loop is already running, as in a notebook."""
    fill(rig, number)

    async def load():
        return rig.load(number, dict[str, int], between=(DAYS[0], DAYS[-1]))

    assert asyncio.run(load()) == dict(zip(DAYS, [1, 2, 3], strict=True))


def test_external_assets(rig):
    """An AssetSpec and a SourceAsset are read by their key."""
    rig.store()["raw/outside"] = {"x": 1}
    rig.store()["daily/date=2013-01-02/data"] = 2
    spec = dg.AssetSpec(["raw", "outside"]).with_io_manager_key("io_manager")
    source = dg.SourceAsset("daily", partitions_def=days, io_manager_key="io_manager")
    assert received(rig, dict, spec) == {"x": 1}
    assert received(rig, dict[str, int], source, metadata={"allow_missing_partitions": True}) == {DAYS[1]: 2}


@TYPES
def test_asset_checks(rig):
    """A check of its own process reads the asset's value."""

    @dg.asset
    def checked() -> int:
        return 7

    @dg.asset_check(asset=checked)
    def is_seven(checked: int) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=checked == 7)

    rig.run(checked)
    result = rig.run(checked, is_seven, select=dg.AssetSelection.checks(is_seven))
    assert [evaluation.passed for evaluation in result.get_asset_check_evaluations()] == [True]


def test_dynamic_partitions(rig):
    """Partitions that are added at run time are ordered as they were added."""
    clients = dg.DynamicPartitionsDefinition(name="clients")

    @dg.asset(partitions_def=clients)
    def spent(context) -> str:
        return context.partition_key

    rig.instance.add_dynamic_partitions("clients", ["zoe", "adam"])
    for key in ("zoe", "adam"):
        rig.run(spent, partition=key)
    assert rig.stored() == ["spent/partition=adam/data", "spent/partition=zoe/data"]
    assert list(received(rig, dict[str, str], spent)) == ["zoe", "adam"]
