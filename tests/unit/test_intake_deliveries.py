"""Deliveries: what a landing zone may hold, and what is told where it makes no sense."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from etl.catalog.sources import CLAIMS, PLANS
from etl.core.errors import SourceError
from etl.core.spec import Mode
from etl.extract.deliveries import find_deliveries
from etl.extract.header import read_header


def put(landing: Path, folder: str, *files: str, manifest: Any = None) -> Path:
    """A delivery folder with these empty files, and a manifest if there is one."""
    path = landing / folder
    path.mkdir(parents=True)
    for name in files:
        (path / name).write_text("")
    if manifest is not None:
        (path / "manifest.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path


def test_deliveries_come_in_the_order_of_their_date_and_name(tmp_path: Path) -> None:
    """Folders by as_of, then by name; hidden ones and loose files are left alone."""
    for folder in ("2026-02-01", "2026-01-01_b", "2026-01-01", ".hidden"):
        put(tmp_path, folder, "claims.csv")
    (tmp_path / "README").write_text("")

    assert ["2026-01-01", "2026-01-01_b", "2026-02-01"] == [found.name for found in find_deliveries(tmp_path)]


def test_manifest_gives_file_mode_and_promises(tmp_path: Path) -> None:
    """What the sender says of a feed is kept with the file; the catalog's mode holds where nothing is said."""
    promise = {"file": "lines.csv", "mode": "full", "record_count": 3, "control_totals": {"paid_amount": "1.23"}}
    put(
        tmp_path, "2026-01-01", "lines.csv", "plans.csv", manifest={"as_of": "2026-01-01", "feeds": {"claims": promise}}
    )

    (delivery,) = find_deliveries(tmp_path)
    plans, claims = delivery.files

    assert date(2026, 1, 1) == delivery.as_of
    assert (Mode.FULL, 3, {"paid_amount": Decimal("1.23")}) == (
        claims.mode,
        claims.promised_records,
        claims.promised_totals,
    )
    assert PLANS.default_mode == plans.mode
    assert "plans.csv is not in the manifest" in delivery.warnings[0]


def test_feed_that_the_catalog_does_not_know_is_told(tmp_path: Path) -> None:
    """A manifest may name a feed of tomorrow; a guard decides what to do with the delivery."""
    put(
        tmp_path,
        "2026-01-01",
        "claims.csv",
        "visits.csv",
        manifest={"feeds": {"claims": {}, "visits": {"file": "visits.csv"}}},
    )

    assert ("visits",) == find_deliveries(tmp_path)[0].unknown_feeds


@pytest.mark.parametrize(
    ("folder", "files", "manifest", "why"),
    [
        ("2026-13-01", ["claims.csv"], None, "is no date"),
        ("january", ["claims.csv"], None, "name of a delivery"),
        ("2026-01-01", ["claims.csv", "claims.csv.gz"], None, "take one away"),
        ("2026-01-01", ["claims.csv"], "{", "not JSON"),
        ("2026-01-01", ["claims.csv"], [], "must hold"),
        ("2026-01-01", ["claims.csv"], {"as_of": "2026-01-02", "feeds": {}}, "as_of is not the folder's"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"mode": "half"}}}, "must be full or delta"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"file": "../claims.csv"}}}, "plain name"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"file": "/etc/passwd.csv"}}}, "plain name"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"file": "other.csv"}}}, "there is no such file"),
        ("2026-01-01", [], {"feeds": {"claims": {}}}, "there is no such file"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"record_count": -1}}}, "whole number"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"record_count": 10**30}}}, "whole number"),
        (
            "2026-01-01",
            ["claims.csv"],
            {"feeds": {"claims": {"control_totals": {"paid_amount": "1e99"}}}},
            "must be an amount",
        ),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"control_totals": {"tax": 1}}}}, "may name"),
        ("2026-01-01", ["claims.csv"], {"feeds": {"claims": {"control_totals": {"paid_amount": "NaN"}}}}, "must be an amount"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_its_reason(
    tmp_path: Path, folder: str, files: list[str], manifest: Any, why: str
) -> None:
    """One line says what is wrong with which folder."""
    put(tmp_path, folder, *files, manifest=manifest)

    with pytest.raises(SourceError, match=why):
        find_deliveries(tmp_path)


@pytest.mark.parametrize("linked", ["claims.csv", "manifest.json"])
def test_symbolic_links_are_refused(tmp_path: Path, linked: str) -> None:
    """A delivery brings its files; it does not point at ours."""
    outside = tmp_path / "outside"
    outside.write_text("{}")
    folder = put(tmp_path / "landing", "2026-01-01", "plans.csv")
    (folder / linked).symlink_to(outside)

    with pytest.raises(SourceError, match="link"):
        find_deliveries(tmp_path / "landing")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Two bad folders are two lines of one error."""
    put(tmp_path, "january")
    put(tmp_path, "february")

    with pytest.raises(SourceError) as caught:
        find_deliveries(tmp_path)

    assert 2 == len(str(caught.value).splitlines())


def header_of(*names: str) -> bytes:
    return ",".join(names).encode()


def test_header_is_matched_by_name_in_any_order_and_case() -> None:
    """Aliases hold, order does not matter, quotes are taken off, strangers are named."""
    names = [f'"{name.upper()}"' for name in reversed(CLAIMS.column_names)]
    names[names.index('"PLAN_ID"')] = "Hios_Plan_Id"

    header = read_header(header_of("visit id", *names), CLAIMS, Path("claims.csv"))

    assert ("visit id",) == header.unknown
    assert tuple(reversed(CLAIMS.column_names)) == tuple(column.name for column in header.known)
    assert () == header.missing


def test_optional_columns_may_be_absent_and_the_others_are_told() -> None:
    """claim_version_number has a default; a column without one is for the guard to judge."""
    names = [name for name in CLAIMS.column_names if name not in ("claim_version_number", "drg_code")]

    assert ("drg_code",) == read_header(header_of(*names), CLAIMS, Path("claims.csv")).missing


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (header_of(*CLAIMS.column_names[1:]), "lacks required columns: claim_id"),
        (header_of(*CLAIMS.column_names, "Claim_ID"), "more than once: claim_id"),
        (header_of(*CLAIMS.column_names, "hios_plan_id"), "more than once: plan_id"),
        (b"claim_id,\xff", "not UTF-8"),
        (b'claim_id,"open', "quotes"),
        (b"claim_id\x00", "NUL"),
    ],
    ids=["required_missing", "twice", "name_and_alias", "not_utf_8", "open_quote", "nul"],
)
def test_unsound_headers_are_refused(line: bytes, why: str) -> None:
    """The error names the column."""
    with pytest.raises(SourceError, match=why):
        read_header(line, CLAIMS, Path("claims.csv"))
