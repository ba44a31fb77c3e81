"""Rules of simple form, read from the contract, so that the prescan can doubt what the server would stumble over.

A hint only saves time: a record that fails it is judged by the salvage lane, and a rule without a hint by the server.
"""

import re
from dataclasses import dataclass

from etl.core.spec import SourceSpec
from etl.load.types import numeric_type

_AMONG = re.compile(r"(\w+) IN \(('[^']*'(?:, '[^']*')*)\)")
_RANGE = re.compile(r"(\w+) (?:>= ([0-9]+)|BETWEEN ([0-9]+) AND ([0-9]+))")
_NO_END = 1 << 62
# Two words of eight bytes tell a text of up to so many from all others of its length.
LONGEST_TEXT = 16


@dataclass(frozen=True, slots=True)
class Hint:
    """What a column's values must be: one of these texts, or a number from *low* to *high* in the smallest unit."""

    among: tuple[bytes, ...] = ()
    low: int = -_NO_END
    high: int = _NO_END


def hints(spec: SourceSpec) -> dict[str, Hint]:
    """The hints of a feed by column; of two rules on one column the last."""
    found: dict[str, Hint] = {}
    for rule in spec.rules:
        if match := _AMONG.fullmatch(rule.expression):
            among = tuple(text[1:-1].encode() for text in match[2].split(", "))
            if spec.column(match[1]).sql_type == "text" and max(map(len, among)) <= LONGEST_TEXT:
                found[match[1]] = Hint(among=among)
        elif match := _RANGE.fullmatch(rule.expression):
            numeric = numeric_type(spec.column(match[1]).sql_type)
            if numeric is not None:
                unit = 10**numeric.scale
                low, high = match[2] or match[3], match[4]
                found[match[1]] = Hint(low=int(low) * unit, high=_NO_END if high is None else int(high) * unit)
    return found
