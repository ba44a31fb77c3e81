"""Loads that are killed, run again by the same command, end in the tables of an undisturbed run."""

from scripts import chaos


def test_killed_loads_run_again_end_in_the_same_tables(tmp_path):
    """The process by SIGKILL, the server by an immediate shutdown; first, full and incremental loads. `make chaos` does more."""
    tally = chaos.run(6, seed=11, home=tmp_path)

    assert [] == tally.problems
    assert 6 == tally.kills.total()
    assert tally.finished_first < 6, "every load had ended before it was killed, so this test shows nothing"
