"""PostgreSQL refuses root and a uid without a name, so it is run as somebody else."""

import pytest

from etl.core import plain_user
from etl.core.errors import ConfigError


@pytest.mark.parametrize(
    ("uid", "named", "possible", "expected"),
    [
        pytest.param(1000, True, set(), (None, 1000), id="a plain user as itself"),
        pytest.param(0, True, {"unshare", "setpriv"}, ("unshare", 0), id="root in a namespace"),
        pytest.param(0, True, {"setpriv"}, ("setpriv", plain_user.NOBODY), id="root as nobody in a container"),
        pytest.param(4321, False, {"unshare"}, ("unshare", 4321), id="a nameless uid in a namespace"),
    ],
)
def test_each_user_gets_the_way_that_works_for_it(monkeypatch, uid, named, possible, expected):
    """What the machine allows decides, tried out rather than guessed."""
    _machine(monkeypatch, uid, named, possible)

    launcher = plain_user.find_launcher()

    assert expected == (next(iter(launcher.prefix), None), launcher.owner)


@pytest.mark.parametrize(("uid", "possible"), [(0, set()), (4321, {"setpriv"})], ids=["root", "nameless"])
def test_where_no_way_works_the_error_says_what_to_do(monkeypatch, uid, possible):
    """A container may forbid all of it; another server always helps."""
    _machine(monkeypatch, uid, False, possible)

    with pytest.raises(ConfigError, match="set DATABASE_URL"):
        plain_user.find_launcher()


def _machine(monkeypatch, uid, named, possible):
    monkeypatch.setattr(plain_user.os, "geteuid", lambda: uid)
    monkeypatch.setattr(plain_user, "_has_name", lambda _uid: named)
    monkeypatch.setattr(plain_user, "_works", lambda prefix: prefix[0] in possible)
