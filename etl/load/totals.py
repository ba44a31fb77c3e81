"""What the chunks of a file add up to."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.load.salvage import Outcome


@dataclass(slots=True)
class Totals:
    """Records read, dollars read and rejected (smallest unit), and whether a key may come twice."""

    record_count: int = 0
    file_cents: dict[str, int] = field(default_factory=dict)
    rejected_cents: dict[str, int] = field(default_factory=dict)
    keys_may_repeat: bool = False

    @classmethod
    def of(cls, outcomes: "Iterable[Outcome]") -> "Totals":
        """Add up the outcomes of all chunks, holding none of them."""
        from etl.load.keys import KeyHashes

        totals, keys = cls(), KeyHashes()
        try:
            for outcome in outcomes:
                totals.record_count += outcome.record_count
                for name, value in outcome.file_cents.items():
                    totals.file_cents[name] = totals.file_cents.get(name, 0) + value
                for name, value in outcome.rejected_cents.items():
                    totals.rejected_cents[name] = totals.rejected_cents.get(name, 0) + value
                if outcome.key_hashes is None:
                    keys.complete = False
                elif keys.complete:
                    keys.add(outcome.key_hashes)
            totals.keys_may_repeat = keys.may_repeat()
        finally:
            keys.close()
        return totals
