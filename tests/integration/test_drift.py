"""Two truths are compared: what the catalog declares, and what the migrations made."""

import re

import pytest

from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES
from etl.catalog.dimensions import DIMENSIONS
from etl.catalog.facts import FACTS
from etl.catalog.references import REFERENCES
from etl.catalog.sources import SOURCES
from etl.core.spec import Column
from etl.dictionary import relations

# What staging adds to a feed's columns, and a dimension's column that the server computes.
METADATA = ["load_id", "source_file_id", "record_number", "load_timestamp"]
GENERATED = ["current_flag"]


def columns_of(conn, schema, table):
    """(name, type, may be NULL, default) of each column, in the order of the table."""
    return conn.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, pg_get_expr(adbin, adrelid)
        FROM pg_attribute
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        """,
        (f"{schema}.{table}",),
    ).fetchall()


def unique_keys(conn, schema, table, *, whole=True):
    """The columns of each unique index, the primary key first; *whole*: only those without a condition."""
    rows = conn.execute(
        """
        SELECT ARRAY(
            SELECT attname::text FROM pg_attribute, unnest(indkey) WITH ORDINALITY AS key (number, place)
            WHERE attrelid = indrelid AND attnum = key.number ORDER BY key.place
        )
        FROM pg_index
        WHERE indrelid = %s::regclass AND indisunique AND (indpred IS NULL OR NOT %s)
        ORDER BY indisprimary DESC, indexrelid
        """,
        (f"{schema}.{table}", whole),
    ).fetchall()
    return [tuple(names) for (names,) in rows]


def checks_of(conn, table):
    """The CHECK constraints of a staging table by name."""
    return dict(
        conn.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
            (f"staging.{table}",),
        ).fetchall()
    )


def shown(column: Column):
    """A column of a feed as the server would show it, its default aside."""
    return (column.name, column.sql_type, not column.required)


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.table)
def test_a_staging_table_has_the_columns_of_its_feed(conn, spec):
    """1:1, in the same order, of the same types, NOT NULL where the feed requires a value."""
    there = columns_of(conn, "staging", spec.table)

    assert METADATA == [row[0] for row in there[: len(METADATA)]]
    assert not any(may_be_null for _, _, may_be_null, _ in there[: len(METADATA)])
    assert [shown(column) for column in spec.columns] == [row[:3] for row in there[len(METADATA) :]]


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.table)
def test_a_column_that_may_be_missing_has_the_same_default_in_both(conn, spec):
    """The file may leave the header out; then both ways into staging must say the same."""
    declared = {column.name: column.default for column in spec.columns}
    there = {
        name: None if default is None else default.split("::")[0].strip("'")
        for name, _, _, default in columns_of(conn, "staging", spec.table)
        if name in declared
    }

    assert declared == there


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.table)
def test_a_staging_table_checks_the_rules_of_its_feed(conn, spec):
    """The fast lane trusts the CHECKs, the salvage lane the rules: each has its twin, and says the same."""
    there = checks_of(conn, spec.table)
    conn.execute("CREATE TEMP TABLE twin AS SELECT * FROM staging." + spec.table + " LIMIT 0")
    for rule in spec.rules:
        conn.execute(f"ALTER TABLE twin ADD CONSTRAINT rule_{rule.name} CHECK ({rule.expression})")
    declared = dict(
        conn.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'pg_temp.twin'::regclass AND contype = 'c'"
        ).fetchall()
    )

    assert declared == {name: text for name, text in there.items() if name != "rule_date_range"}


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.table)
def test_every_date_of_a_feed_is_held_to_the_calendar(conn, spec):
    """A date outside dim_date could not be joined to it."""
    ranged = checks_of(conn, spec.table)["rule_date_range"]

    assert {column.name for column in spec.columns if column.sql_type == "date"} == set(
        re.findall(r"\b\w+_date\b", ranged)
    )


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.table)
def test_a_dimension_has_the_columns_its_spec_names(conn, spec):
    """A spec without its migration, or a migration without its spec, is a failing build."""
    there = [row[0] for row in columns_of(conn, "warehouse", spec.table)]

    assert sorted([*spec.columns, *GENERATED]) == sorted(there)


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.table)
def test_a_dimension_stages_every_column_it_keeps_with_the_same_type(conn, spec):
    """What a version holds is what was sent: no type is converted on the way."""
    staged = {row[0]: row[1] for row in columns_of(conn, *spec.source.split("."))}
    kept = {row[0]: row[1] for row in columns_of(conn, "warehouse", spec.table)}
    names = (*spec.business_key, *spec.attributes)

    assert {name: staged[name] for name in names} == {name: kept[name] for name in names}


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.table)
def test_a_dimension_says_in_its_comments_which_kind_each_column_is(conn, spec):
    """The dictionary must not call versioned what the loader overwrites."""
    said = dict(
        conn.execute(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
            (f"warehouse.{spec.table}",),
        ).fetchall()
    )
    kinds = {"Versioned": spec.versioned, "Overwritten": spec.overwritten, "Fixed": spec.fixed}

    assert {} == {name: said[name] for kind, names in kinds.items() for name in names if kind not in said[name]}


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.table)
def test_a_dimension_has_one_version_a_start_and_one_current_row(conn, spec):
    """The promises of history are the server's to keep."""
    keys = unique_keys(conn, "warehouse", spec.table, whole=False)

    assert (spec.durable_key, "start_date") == keys[0]
    assert (spec.durable_key,) in keys[1:]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.table)
def test_a_fact_is_identified_as_its_spec_says(conn, fact):
    """The identity is the primary key, and every column the spec names is there."""
    there = {row[0] for row in columns_of(conn, "warehouse", fact.table)}
    # The day that picks the versions of a member month is the month's last, kept as a key of dim_date.
    days = {fact.date_column, f"{fact.date_column}_key"}
    named = {*fact.measures, *(f"{role.name}_{key}" for role in fact.roles for key in ("key", "durable_key"))}

    assert fact.identity == unique_keys(conn, "warehouse", fact.table)[0]
    assert named <= there
    assert days & there


@pytest.mark.parametrize("cube", BASE_CUBES, ids=lambda cube: cube.table)
def test_a_base_cube_has_one_row_per_key(conn, cube):
    """ON CONFLICT adds to the row of the key; the measures are there to be added to."""
    there = {row[0] for row in columns_of(conn, "mart", cube.table)}

    assert [tuple(cube.key)] == unique_keys(conn, "mart", cube.table)
    assert {*cube.key, *cube.measures} <= there


@pytest.mark.parametrize("cube", DERIVED_CUBES, ids=lambda cube: cube.table)
def test_a_derived_cube_can_be_refreshed_while_people_read_it(conn, cube):
    """REFRESH ... CONCURRENTLY asks for a unique index without a condition; its inputs are cubes."""
    known = {other.table for other in (*BASE_CUBES, *DERIVED_CUBES)}

    assert tuple(cube.key) in unique_keys(conn, "mart", cube.table)
    assert set(cube.inputs) <= known


@pytest.mark.parametrize(
    ("schema", "declared"),
    [
        pytest.param("staging", {spec.table for spec in SOURCES}, id="staging"),
        pytest.param(
            "warehouse",
            # Without history, and filled by a file of their own.
            {spec.table for spec in (*DIMENSIONS, *FACTS, *REFERENCES)} | {"dim_date", "dim_geography", "claim_link"},
            id="warehouse",
        ),
        pytest.param("mart", {cube.table for cube in (*BASE_CUBES, *DERIVED_CUBES)}, id="mart"),
    ],
)
def test_every_table_is_in_the_catalog(conn, schema, declared):
    """Views apart: a table that no spec names is filled, checked and shown by nobody."""
    assert declared == {relation.name for relation in relations(conn, schema) if relation.kind != "View"}


@pytest.mark.parametrize("schema", ["warehouse", "mart"])
def test_tables_about_persons_begin_every_unique_key_with_the_member(conn, schema):
    """So they can be spread over servers by member one day, with the same SQL (design, section 15)."""
    wrong = {
        f"{relation.name}: {', '.join(key)}"
        for relation in relations(conn, schema)
        if "member_durable_key" in [row[0] for row in columns_of(conn, schema, relation.name)]
        for key in unique_keys(conn, schema, relation.name, whole=False)
        if key[0] != "member_durable_key"
    }

    assert set() == wrong


def test_the_member_is_never_null_where_rows_are_his(conn):
    """The column that spreads a table must have a value; -1 stands for nobody."""
    rows = conn.execute(
        """
        SELECT attrelid::regclass::text
        FROM pg_attribute
        INNER JOIN pg_class ON attrelid = pg_class.oid
        WHERE attname = 'member_durable_key' AND NOT attnotnull AND relkind IN ('r', 'p')
        """
    ).fetchall()

    assert [] == rows


def test_only_the_ledger_numbers_its_rows(conn):
    """Keys of the warehouse are computed: no sequence, no identity, the same on every server."""
    rows = conn.execute(
        """
        SELECT DISTINCT space.nspname
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        WHERE class.relkind = 'S' AND space.nspname NOT LIKE 'pg\\_%'
        """
    ).fetchall()

    assert [("etl",)] == rows


def test_nothing_of_ours_is_triggered(conn):
    """What happens is written in the pipeline, and the same SQL must run where triggers do not."""
    rows = conn.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()

    assert [] == rows
