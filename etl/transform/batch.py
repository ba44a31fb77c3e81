"""Which loads a run publishes together, feed by feed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import Connection
from psycopg.rows import TupleRow


@dataclass(frozen=True, slots=True)
class Batch:
    """The loads that one run publishes together, feed by feed: a file can be replaced without the rest of its load.

    `loads`: the ones to publish. `sources`: by feed, the loads whose file is to be applied. `replaced`: by feed, the loads
    whose published file a waiting one takes the place of. `accepted`: loads that were published before. `is_rebuild`: the
    tables are emptied first, nothing to compare with. `claim_id_suffix`: a regular expression; what of a claim id it
    matches is cut off to find the claim's family.
    """

    loads: tuple[int, ...]
    sources: Mapping[str, tuple[int, ...]]
    replaced: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset()
    is_rebuild: bool = False
    claim_id_suffix: str = ""

    def news(self, feed: str) -> list[int]:
        """The loads whose file of the feed is to be applied."""
        return list(self.sources.get(feed, ()))


def next_batch(conn: Connection[TupleRow]) -> Batch:
    """What is staged and waits; a rebuild where nothing is published, or a published file is replaced."""
    # Of two files of one feed and as_of that wait together, the later one is in force.
    conn.execute(
        "UPDATE etl.source_file AS old SET status = 'superseded', superseded_by = new.source_file_id "
        "FROM etl.source_file AS new WHERE old.status = 'staged' AND new.status = 'staged' AND old.feed = new.feed "
        "AND old.as_of = new.as_of AND old.replays_source_file_id IS NULL AND new.replays_source_file_id IS NULL "
        "AND old.source_file_id < new.source_file_id"
    )
    loads = [
        row[0] for row in conn.execute("SELECT load_id FROM etl.load WHERE status = 'staged' ORDER BY as_of, load_id")
    ]
    states = _files_by_state(conn)
    if states["published"] and not states["replaced"]:
        return Batch(tuple(loads), states["waiting"], accepted=_published(conn))
    # What a replaced file said may be hidden below, merged into or counted with what others said: only telling all anew
    # is sure to leave nothing of it.
    return Batch(
        tuple(loads),
        _together(states["published"], states["waiting"]),
        states["replaced"],
        _published(conn),
        is_rebuild=True,
    )


def whole_batch(conn: Connection[TupleRow]) -> Batch:
    """Everything that is published, as if it came anew."""
    states = _files_by_state(conn)
    loads = _published(conn)
    everything = _together(states["published"], states["replaced"])
    return Batch(tuple(sorted(loads)), everything, accepted=loads, is_rebuild=True)


def _published(conn: Connection[TupleRow]) -> frozenset[int]:
    return frozenset(row[0] for row in conn.execute("SELECT load_id FROM etl.load WHERE status = 'published'"))


def _together(*states: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The loads of all these states, feed by feed."""
    feeds = {feed for state in states for feed in state}
    return {feed: tuple(load for state in states for load in state.get(feed, ())) for feed in sorted(feeds)}


def _files_by_state(conn: Connection[TupleRow]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Which loads hold a file of which feed, by what is to happen to it: waiting, replaced, published."""
    rows = conn.execute(
        """
        WITH replaced AS (
            SELECT old.source_file_id
            FROM etl.source_file AS old
            INNER JOIN etl.source_file AS new ON new.feed = old.feed AND new.as_of = old.as_of
            WHERE
                old.status = 'in_force' AND new.status = 'staged'
                AND old.replays_source_file_id IS NULL AND new.replays_source_file_id IS NULL
        )

        SELECT
            CASE
                WHEN file.status = 'staged' THEN 'waiting'
                -- What corrects a replaced file goes with it.
                WHEN COALESCE(file.replays_source_file_id, file.source_file_id) IN (SELECT source_file_id FROM replaced)
                    THEN 'replaced'
                ELSE 'published'
            END AS state,
            file.feed,
            array_agg(file.load_id ORDER BY file.as_of, file.load_id) AS loads
        FROM etl.source_file AS file
        WHERE file.status IN ('staged', 'in_force')
        GROUP BY 1, 2
        """
    ).fetchall()
    by_state: dict[str, dict[str, tuple[int, ...]]] = {"waiting": {}, "replaced": {}, "published": {}}
    for state, feed, listed in rows:
        by_state[state][feed] = tuple(listed)
    return by_state
