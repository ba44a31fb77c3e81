"""What a dimension may declare, and how a row is hashed."""

import pytest

from etl.catalog.dimensions import DIMENSIONS
from etl.core.errors import SpecError
from etl.core.hashing import row_hash, with_hashes
from etl.core.spec import Absence, OverwriteScope
from tests.history_lab import lab_spec


def test_an_unsound_spec_is_refused_with_all_its_problems_at_once():
    """Nobody mends a spec one error a run."""
    with pytest.raises(SpecError) as refused:
        lab_spec(
            "wrong",
            source="",
            business_key=("k", "a"),
            versioned=("a", "start_date"),
            mirrored=("o",),
            trim=("z",),
            scope_column="n",
            absence=Absence.IGNORE,
            overwritten=(),
            overwrite_scope=OverwriteScope.CURRENT,
            closure_share_limit=2,
        )

    assert {
        "a dimension needs a source",
        "listed twice: a",
        "names the loader keeps for itself: start_date",
        "mirrored but not versioned: o",
        "cleaned but not a column: z",
        "the scope column n must be part of the business key",
        "a scope of absence where absence is ignored",
        "overwrite_scope says where overwritten columns go, and there are none",
        "closure_share_limit is a share, from 0 to 1",
    } == set(refused.value.problems)


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.table)
def test_no_column_of_ours_has_two_jobs(spec):
    """Each column is told once, by the list it stands in."""
    assert len(set(spec.columns)) == len(spec.columns)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(b"", b"\\N", id="the empty text and NULL"),
        pytest.param(b"\t\\N", b"\\N\t\\N", id="the same before a trailing NULL"),
        pytest.param(b"a\\tb\tc", b"a\tb\\tc", id="a tab in one column or the other"),
        pytest.param(b"\\\\N", b"\\N", id="the text backslash-N and NULL"),
        pytest.param(b"a", b"a\t", id="no column and an empty one"),
    ],
)
def test_look_alikes_have_hashes_of_their_own(one, other):
    """What COPY tells apart, the hash tells apart."""
    assert row_hash(one) != row_hash(other)


def test_an_added_column_without_values_changes_no_hash():
    """Trailing NULLs do not count, so a column can be added without new versions."""
    assert row_hash(b"a\tb") == row_hash(b"a\tb\t\\N\t\\N")


@pytest.mark.parametrize("versioned", [b"a\tb", b"a\t\\N", b"\\N\t\\N", b"\\N\tb"])
@pytest.mark.parametrize("overwritten", [(b"", 0), (b"c", 1), (b"\\N", 1), (b"c\t\\N", 2), (b"\\N\t\\N", 2)])
@pytest.mark.parametrize("constants", [b"", b"100 %\tx"])
def test_a_streamed_row_has_the_hashes_of_its_parts(versioned, overwritten, constants):
    """The loop over a whole delivery writes out what `row_hash` does; the row itself goes on as it came."""
    told, count = overwritten
    line = b"\t".join((versioned, *([told] if count else []), b"key", b"1\n"))

    streamed = b"".join(with_hashes([line], count, 2, constants))

    hashes = (row_hash(part).hex().encode() for part in (versioned, told))
    assert b"\t".join((*hashes, *([constants] if constants else []), line)) == streamed
