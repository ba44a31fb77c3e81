"""`make report`: one page, offline, about no person; looked at by a browser where there is one."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import psycopg
import pytest

from etl.publish.report import SECTIONS, write_report
from tests.market import command
from tests.quality_lab import copied, loaded_market

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """What a page is made of, and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.tags, self.words = [], set(), [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids.add(given.get("id"))
        self.fetched += [given[name] for name in ("src", "data", "srcset") if name in given]
        if tag == "a":
            self.links.append(given["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def market(server, migrated_template, tmp_path_factory):
    with loaded_market(server, migrated_template, tmp_path_factory.mktemp("report"), "aca_report") as name:
        yield name


@pytest.fixture(scope="module")
def report(server, market, tmp_path_factory):
    """The page of a loaded market, and its database."""
    out = tmp_path_factory.mktemp("page") / "build" / "report.html"
    with copied(server, market, "aca_report_copy") as url:
        done = command(url, out.parent, "report", "--out", str(out))
        assert (0, str(out)) == (done.returncode, done.stdout.strip()), done.stderr
        yield out, url


def test_the_page_has_every_section_and_is_well_formed(report):
    """A reader who follows a link arrives; every element is closed."""
    page = Page(report[0].read_text(encoding="utf-8"))

    assert [] == page.open
    assert {name for name, _ in SECTIONS} <= page.ids
    assert {f"#{name}" for name, _ in SECTIONS} == set(page.links)
    assert 7 <= page.tags.count("svg")


def test_the_page_works_offline_and_without_scripts(report):
    """Nothing is fetched: it can be mailed, and read in ten years."""
    text = report[0].read_text(encoding="utf-8")
    page = Page(text)

    assert [] == page.fetched
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert [] == re.findall(r"https?://|url\(|@import", text)


def test_the_page_shows_the_figures_of_the_database(report):
    """Asked of the tables by other means."""
    words = Page(report[0].read_text(encoding="utf-8")).words
    with psycopg.connect(report[1]) as conn:
        paid, billed = conn.execute(
            "SELECT sum(paid_amount), sum(billed_amount) FROM warehouse.fact_claim_line"
        ).fetchone()
        staged = conn.execute("SELECT count(*) FROM staging.stg_claim").fetchone()[0]

    assert words.count(f"{paid:,}") == words.count(f"{billed:,}") == 3, "facts and both cubes"
    assert f"{staged:,}" in words
    assert "Facts and both cubes agree to the cent." in words


def test_no_person_is_in_the_page(report):
    """Names, ids, addresses and birth dates stay where they are."""
    text = report[0].read_text(encoding="utf-8")
    with psycopg.connect(report[1]) as conn:
        rows = conn.execute(
            "SELECT member_id, first_name || ' ' || last_name, last_name, email, phone, address_line_1, birth_date::text, "
            "member_durable_key::text FROM warehouse.dim_member WHERE NOT is_inferred AND member_key NOT IN (-1, -2)"
        ).fetchall()
    said = set(re.findall(r"[\w@.()-]+", text))

    assert len(rows) > 50
    assert set() == {
        value for row in rows for value in row if value and (value in said or (" " in value and value in text))
    }


def test_an_empty_warehouse_has_a_page_too(database, tmp_path):
    """It says what to do."""
    page = Page(write_report(database, tmp_path / "report.html").read_text(encoding="utf-8"))

    assert [] == page.open
    assert "make full-load" in page.words


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine: apt-get install chromium")
@pytest.mark.parametrize("scheme", [pytest.param(1, id="light"), pytest.param(0, id="dark")])
def test_a_browser_paints_the_page(report, tmp_path, scheme):
    """Light and dark; the picture is kept beside the page when looked for in tmp_path."""
    picture = tmp_path / "report.png"
    subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=1200,3000",
            f"--screenshot={picture}",
            report[0].as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    # A page that did not paint is one colour, which packs to some kilobytes.
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 100_000
