"""The shapes that the catalog fills in: columns, feeds, dimensions, facts, cubes. Frozen, and checked when made."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class DimensionSpec:
    """A dimension with history: which column does what, told by the list it stands in.

    `versioned`: a new value opens a version (type 2). `overwritten`: the value of the greatest as_of holds on all versions
    (type 1). `fixed`: the value of the smallest as_of holds for ever (type 0). `mirrored`: versioned columns that also
    stand as `current_<column>`, the value of the current version, on all versions (type 6).
    `source`: the relation that holds the observations, with the columns named here, `load_id` and `record_number`, and,
    where `has_row_dates`, `effective_date` and `operation`. `trim` and `nfc`: text columns to be so cleaned, for the
    comparison and for the stored value. `scope_column`: absence counts only among rows with the same value of it.
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
    close_absent: bool = True
    closure_share_limit: float = 0.10
    trim: tuple[str, ...] = ()
    nfc: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        listed = [*self.business_key, *self.versioned, *self.overwritten, *self.fixed]
        reserved = {self.surrogate_key, self.durable_key, "start_date", "end_date", "current_flag", "load_id"}
        problems = []
        if not self.business_key:
            problems.append("a dimension needs a business key")
        if not self.versioned:
            problems.append("a dimension with history needs a versioned column")
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            problems.append(f"listed twice: {', '.join(twice)}")
        if clash := sorted(reserved.intersection(listed)):
            problems.append(f"names the loader keeps for itself: {', '.join(clash)}")
        if strangers := sorted({*self.mirrored} - {*self.versioned}):
            problems.append(f"mirrored but not versioned: {', '.join(strangers)}")
        if strangers := sorted({*self.trim, *self.nfc} - {*listed}):
            problems.append(f"cleaned but not a column: {', '.join(strangers)}")
        if self.scope_column and self.scope_column not in self.business_key:
            problems.append(f"the scope column {self.scope_column} must be part of the business key")
        if not 0 <= self.closure_share_limit <= 1:
            problems.append("closure_share_limit is a share, from 0 to 1")
        if problems:
            raise SpecError(self.table, problems)

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

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the table, generated ones excluded."""
        return (
            self.durable_key,
            self.surrogate_key,
            *self.business_key,
            *self.attributes,
            *(f"current_{name}" for name in self.mirrored),
            "start_date",
            "end_date",
            "first_observed_date",
            "is_inferred",
            "row_hash",
            "overwritten_hash",
            "hash_version",
            "fixed_as_of",
            "load_id",
            "load_timestamp",
        )
