"""Indexes are there after a load, as before it: a missing one shows in no figure, only in how long things take."""

import psycopg

from tests.market import deliver, deliveries, load

INDEXES = """
    SELECT indexed.relname, pg_get_indexdef(index.indexrelid), index.indisvalid, kind.relkind
    FROM pg_index AS index
    INNER JOIN pg_class AS kind ON index.indexrelid = kind.oid
    INNER JOIN pg_class AS indexed ON index.indrelid = indexed.oid
    INNER JOIN pg_namespace AS space ON indexed.relnamespace = space.oid
    WHERE space.nspname IN ('etl', 'staging', 'warehouse', 'mart')
"""


def indexes(url):
    with psycopg.connect(url) as conn:
        return conn.execute(INDEXES).fetchall()


def test_a_rebuild_leaves_all_indexes_valid_and_every_partition_with_its_own(database, tmp_path, tmp_path_factory):
    """They are dropped while facts go in, and built again when all are in."""
    before = {definition for _, definition, _, _ in indexes(database)}
    deliver(tmp_path, *deliveries(tmp_path_factory.getbasetemp())[:2])
    load(database, tmp_path, "full")
    after = indexes(database)
    of_parent = [definition for table, definition, _, _ in after if table == "fact_claim_line"]
    of_partition = {}
    for table, definition, _, _ in after:
        if table.startswith("fact_claim_line_"):
            of_partition.setdefault(table, []).append(definition)

    assert before <= {definition for _, definition, _, _ in after}
    assert [] == [definition for _, definition, is_valid, _ in after if not is_valid]
    assert len(of_parent) > 6
    assert {len(of_parent)} == {len(definitions) for definitions in of_partition.values()}
