"""The types that feeds use, read from their SQL names, and what a field of each must look like."""

import re
from dataclasses import dataclass
from decimal import Decimal

from etl.core.spec import Column

_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
DATE_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
BOOLEAN_PATTERN = "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"


@dataclass(frozen=True, slots=True)
class NumericType:
    """Digits in all, digits behind the point, and the first whole number of its smallest unit that is too large."""

    precision: int
    scale: int
    limit: int


def numeric_type(sql_type: str) -> NumericType | None:
    """The numeric type of that SQL name; None for dates, booleans and text."""
    if sql_type == "integer":
        return NumericType(10, 0, 1 << 31)
    if match := _NUMERIC.fullmatch(sql_type):
        precision, scale = int(match[1]), int(match[2])
        return NumericType(precision, scale, 10**precision)
    return None


def pattern(sql_type: str) -> str | None:
    """The regular expression that a field of the type must match, for Python and PostgreSQL alike; None: any text."""
    if sql_type == "date":
        return DATE_PATTERN
    if sql_type == "boolean":
        return BOOLEAN_PATTERN
    if (numeric := numeric_type(sql_type)) is None:
        return None
    if numeric.scale == 0:
        return "^-?[0-9]+$"
    decimals = "{1,%d}" % numeric.scale  # noqa: UP031 - braces are the pattern's own
    return rf"^-?([0-9]+([.][0-9]{decimals})?|[.][0-9]{decimals})$"


def explanation(sql_type: str) -> str:
    """What a field of the type must be, in words."""
    if sql_type == "date":
        return "is not a date that exists, written YYYY-MM-DD"
    if sql_type == "boolean":
        return "is neither true nor false"
    numeric = numeric_type(sql_type)
    if numeric is None or numeric.scale == 0:
        return "is not a whole number that fits"
    return f"is not a plain number with at most {numeric.precision - numeric.scale} digits and {numeric.scale} decimals"


def cents(column: Column, text: str | None) -> int | None:
    """The number in *text*, in the smallest unit of the column's type; None where it is not of that type."""
    numeric, form = numeric_type(column.sql_type), pattern(column.sql_type)
    if text is None or numeric is None or form is None or not re.fullmatch(form[1:-1], text):
        return None
    value = int(Decimal(text).scaleb(numeric.scale))
    return value if abs(value) < numeric.limit else None
