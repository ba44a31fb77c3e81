"""The shapes that the catalog fills in: columns, feeds, dimensions, facts, cubes. Frozen, and checked when made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from etl.core.errors import SpecError


class Mode(StrEnum):
    """What the absence of a key in a delivery means."""

    FULL = "full"  # absent = gone
    DELTA = "delta"  # absent = nothing said


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a feed, in the file and in its staging table.

    `required`: its header must be there and its value may not be empty. `optional`: the header may be missing, and then
    `default` holds (None = NULL). `personal`: identifies a person; masked wherever rows are shown.
    """

    name: str
    sql_type: str = "text"
    required: bool = False
    optional: bool = False
    personal: bool = False
    default: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A cheap condition each staged row must meet; a row that fails it is rejected as `rule_<name>`.

    `column` is the column the reject names; `expression` is SQL over the feed's columns, as in the table's CHECK, and
    passes when it is true or NULL.
    """

    name: str
    column: str
    expression: str


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A feed: one kind of file in a delivery, and the staging table it fills 1:1.

    `key` is unique within one file. `entity_key` names the columns that identify the thing a rejected record speaks of.
    `control_columns` are the amounts whose totals are reconciled. `scope_column`: a full file speaks only for the values
    of this column that occur in it.
    """

    feed: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    entity_key: tuple[str, ...]
    default_mode: Mode
    control_columns: tuple[str, ...] = ()
    scope_column: str | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        problems = []
        if twice := sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"listed twice: {', '.join(twice)}")
        used = [*self.key, *self.entity_key, *self.control_columns, *(rule.column for rule in self.rules)]
        if unknown := sorted({name for name in used if name not in names}):
            problems.append(f"not among its columns: {', '.join(unknown)}")
        if not self.key:
            problems.append("a feed needs a key")
        if problems:
            raise SpecError(self.table, problems)

    @property
    def table(self) -> str:
        """Name of the staging table, without its schema."""
        return f"stg_{self.feed.removesuffix('s')}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the feed's columns, in the order of the staging table."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of these columns."""
    return tuple(column.name for column in columns)


class Absence(StrEnum):
    """What becomes of a key that a full delivery lacks, or that a tombstone names."""

    CLOSE = "close"  # its version ends
    IGNORE = "ignore"  # nothing: a full delivery is read as a delta; tombstones still close
    MARK_DELETED = "mark_deleted"  # a version of its own follows, with the last attributes and is_deleted


class OverwriteScope(StrEnum):
    """Which versions take a new value of an overwritten column."""

    ALL = "all"  # all versions of the entity
    CURRENT = "current"  # the version in force on the row's own day: closed ones keep what was told in their time


class HistoryType(StrEnum):
    """What start_date, end_date and as_of are: a day, or a moment (several versions a day)."""

    DATE = "date"
    TIMESTAMPTZ = "timestamptz"


class NewColumns(StrEnum):
    """What to do about a column of the source that the spec does not name."""

    IGNORE = "ignore"
    REFUSE = "refuse"


# What every dimension has besides its keys; current_flag is generated, is_deleted only where absence is marked.
OWN_COLUMNS = (
    "start_date",
    "end_date",
    "current_flag",
    "is_deleted",
    "first_observed_date",
    "is_inferred",
    "row_hash",
    "overwritten_hash",
    "hash_version",
    "fixed_as_of",
    "load_id",
    "load_timestamp",
)
# What the loader itself needs in a source; never taken for a new column.
SOURCE_METADATA = ("load_id", "record_number", "effective_date", "operation", "load_timestamp", "source_file_id")


@dataclass(frozen=True, slots=True)
class DimensionSpec:
    """A dimension with history: which column does what, told by the list it stands in.

    `versioned`: a new value opens a version (type 2). `overwritten`: the value of the greatest as_of holds on all versions
    (type 1). `fixed`: the value of the smallest as_of holds for ever (type 0). `mirrored`: versioned columns that also
    stand as `current_<column>`, the value of the latest version, on all versions (type 6).
    `source`: the relation that holds the observations, with the columns named here, `load_id` and `record_number`, and,
    where `has_row_dates`, `effective_date` and `operation`. `trim` and `nfc`: text columns to be so cleaned, for the
    comparison and for the stored value. `scope_column`: absence counts only among rows with the same value of it.
    `from_beginning`: the first version starts at 1900-01-01 instead of the first observation.
    """

    table: str
    entity: str
    grain: str
    business_key: tuple[str, ...]
    source: str
    versioned: tuple[str, ...]
    overwritten: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    mirrored: tuple[str, ...] = ()
    feed: str = ""
    scope_column: str | None = None
    has_row_dates: bool = True
    from_beginning: bool = True
    absence: Absence = Absence.CLOSE
    overwrite_scope: OverwriteScope = OverwriteScope.ALL
    history: HistoryType = HistoryType.DATE
    new_columns: NewColumns = NewColumns.IGNORE
    closure_share_limit: float = 0.10
    trim: tuple[str, ...] = ()
    nfc: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise SpecError(self.table or "(a dimension without a table)", problems)

    def _problems(self) -> list[str]:
        listed = [*self.business_key, *self.attributes]
        own = {self.durable_key, self.surrogate_key, *(f"current_{name}" for name in self.mirrored), *OWN_COLUMNS}
        problems = [
            f"a dimension needs {what}"
            for what, given in (
                ("a table", self.table),
                ("an entity", self.entity),
                ("a source", self.source),
                ("a business key", self.business_key),
                ("a versioned column", self.versioned),
            )
            if not given
        ]
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            problems.append(f"listed twice: {', '.join(twice)}")
        if clash := sorted((own | {*SOURCE_METADATA}).intersection(listed)):
            problems.append(f"names the loader keeps for itself: {', '.join(clash)}")
        if strangers := sorted({*self.mirrored} - {*self.versioned}):
            problems.append(f"mirrored but not versioned: {', '.join(strangers)}")
        if strangers := sorted({*self.trim, *self.nfc} - {*listed}):
            problems.append(f"cleaned but not a column: {', '.join(strangers)}")
        if self.scope_column and self.scope_column not in self.business_key:
            problems.append(f"the scope column {self.scope_column} must be part of the business key")
        if self.scope_column and self.absence is Absence.IGNORE:
            problems.append("a scope of absence where absence is ignored")
        if self.overwrite_scope is OverwriteScope.CURRENT and not self.overwritten:
            problems.append("overwrite_scope says where overwritten columns go, and there are none")
        if not 0 <= self.closure_share_limit <= 1:
            problems.append("closure_share_limit is a share, from 0 to 1")
        return problems

    @property
    def surrogate_key(self) -> str:
        """Name of the surrogate key: one value a version."""
        return f"{self.entity}_key"

    @property
    def durable_key(self) -> str:
        """Name of the durable key: one value an entity."""
        return f"{self.entity}_durable_key"

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that come from the source, business key excluded."""
        return (*self.fixed, *self.versioned, *self.overwritten)

    def moved_to(self, table: str) -> "DimensionSpec":
        """The same dimension in another table."""
        return replace(self, table=table)

    @property
    def marks_deleted(self) -> bool:
        """A deleted entity keeps a version, flagged `is_deleted`."""
        return self.absence is Absence.MARK_DELETED

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the table, generated ones excluded."""
        return (
            self.durable_key,
            self.surrogate_key,
            *self.business_key,
            *self.attributes,
            *(f"current_{name}" for name in self.mirrored),
            *(name for name in OWN_COLUMNS if name != "current_flag" and (name != "is_deleted" or self.marks_deleted)),
        )
