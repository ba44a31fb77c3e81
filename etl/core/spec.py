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
