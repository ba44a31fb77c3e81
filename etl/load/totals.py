"""What the chunks of a file add up to."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.load.keys import KeyHashes
    from etl.load.salvage import Outcome


@dataclass(slots=True)
class Totals:
    """Records read, dollars read and rejected (smallest unit), and the hashes of the staged keys; close those."""

    keys: "KeyHashes"
    record_count: int = 0
    file_cents: dict[str, int] = field(default_factory=dict)
    rejected_cents: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: "Iterable[Outcome]") -> "Totals":
        """Add up the outcomes of all chunks, holding none of them."""
        from etl.load.keys import KeyHashes

        totals = cls(KeyHashes())
        try:
            for outcome in outcomes:
                totals.record_count += outcome.record_count
                for name, value in outcome.file_cents.items():
                    totals.file_cents[name] = totals.file_cents.get(name, 0) + value
                for name, value in outcome.rejected_cents.items():
                    totals.rejected_cents[name] = totals.rejected_cents.get(name, 0) + value
                if outcome.key_hashes is None:
                    totals.keys.complete = False
                elif totals.keys.complete:
                    totals.keys.add(outcome.key_hashes)
        except BaseException:
            totals.keys.close()
            raise
        return totals

    def keys_may_repeat(self) -> bool:
        """Can a key come twice? To be asked once."""
        try:
            return self.keys.may_repeat()
        finally:
            self.keys.close()
