"""The commands behind `run.py`. Imports what a command needs only when it runs, so that --help answers in a blink."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from etl.core.command_line import ended
from etl.core.errors import Exit, UsageError

STAGES = ("extract", "stage", "dims", "facts", "aggregates", "quality")
EXIT_CODES = """exit codes:
  0 ok · 1 failed: read the cause, run again · 2 wrong usage · 3 a file was refused: ask the sender, or override
  4 the quality gate is shut, nothing was published · 5 another run holds the warehouse · 10 warnings (dq --strict)
  12 a check could not be computed · 20 configuration, database unreachable · 130 stopped"""
EXAMPLES = """examples:
  python run.py --mode full                    rebuild everything from data/landing
  python run.py --mode incremental             load the deliveries that are not loaded yet
  python run.py --mode incremental --plan      show what that would change, change nothing
  python run.py --from facts                   rebuild facts, cubes and checks from what is staged
  python run.py --list                         the steps, in order
  python run.py status                         what is loaded"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says what to do next."""
    wanted = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = wanted.command
    return ended(lambda: command(wanted))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Builds the ACA warehouse: extract -> stage -> dims -> facts -> aggregates -> quality.",
        epilog=f"{EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_run)
    parser.add_argument("--mode", choices=("full", "incremental"), default="incremental", help="default: incremental")
    parser.add_argument("--list", action="store_true", help="list the steps and stop")
    parser.add_argument("--plan", action="store_true", help="show what a load would change, and roll it back")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--only", choices=STAGES, help="this stage alone, from what the stage before it left")
    part.add_argument("--from", dest="start", choices=STAGES, help="this stage and all after it")
    parser.add_argument(
        "--override", action="append", default=[], metavar="GUARD", help="let a named guard pass; it is recorded"
    )
    commands = parser.add_subparsers(title="other commands", metavar="")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    add("status", _status, "what is loaded: tables, rows, dollars")
    add("loads", _loads, "the ledger: every load and what became of its records")
    undo = add("undo", _undo, "take a load back out: the tables become what they would be without its delivery")
    undo.add_argument("load", type=int, help="number of the load, see: run.py loads")
    add("verify", _verify, "rebuild everything from staging aside, and compare row by row with what is published")
    as_of = add("as-of", _as_of, "a dimension as it was on a day, and as it was known after a load")
    as_of.add_argument("date", type=date.fromisoformat, help="the day, YYYY-MM-DD")
    as_of.add_argument("--dimension", choices=("member", "plan", "provider"), default="plan")
    as_of.add_argument("--known-at", type=int, metavar="LOAD", help="as it stood after this load was published")
    as_of.add_argument("--limit", type=int, default=20, help="rows to show (default 20)")
    add("dictionary", _dictionary, "the data dictionary, as Markdown")
    again = add("gate", _gate, "the gate of the latest load again, over the tables as they are now")
    again.add_argument("--load", type=int, help="of this load instead, see: run.py loads")
    dq = add("dq", _dq, "check the loaded tables with Great Expectations")
    dq.add_argument("--strict", action="store_true", help="exit 10 when a warning-level check fails")
    dq.add_argument("--docs", action="store_true", help="write a page of every expectation to build/dq")
    failures = add("failures", _failures, "the keys that failed the latest checks")
    failures.add_argument("--check", help="of this check alone")
    failures.add_argument("--most", type=int, default=20, help="keys to show of each check (default: 20)")
    report = add("report", _report, "write one page that says why to trust the numbers")
    report.add_argument("--out", default="build/report.html", help="default: build/report.html")
    return parser


def _run(wanted: argparse.Namespace) -> int:
    if wanted.plan and wanted.mode == "full":
        raise UsageError("--plan shows what an incremental load would change; a full load rebuilds everything")
    if wanted.list:
        from etl.steps import PIPELINE

        sys.stdout.write("extract     deliveries\nstage       staging\n")
        sys.stdout.write("".join(f"{step.stage:<12}{step.name}\n" for step in PIPELINE))
        return Exit.OK
    from etl.core.database import database_url, with_timeouts
    from etl.core.failures import persistently
    from etl.core.logs import step_log
    from etl.core.migrate import upgrade_if_needed
    from etl.core.settings import Settings
    from etl.pipeline import OVERRIDES, Outcome, refusals, run_pipeline
    from etl.summary import Progress, print_summary

    if strangers := sorted({*wanted.override} - OVERRIDES):
        raise UsageError(f"--override {', '.join(strangers)}: the guards are {', '.join(sorted(OVERRIDES))}")
    settings = Settings.read()

    def run() -> Outcome:
        url = database_url(settings)
        upgrade_if_needed(url)
        with Progress() as progress:
            return run_pipeline(
                with_timeouts(url, settings),
                settings,
                wanted.mode,
                overrides=frozenset(wanted.override),
                plan_only=wanted.plan,
                first_stage=wanted.only or wanted.start,
                last_stage=wanted.only,
                on_step=progress.show,
                watchers=step_log(settings),
            )

    outcome = persistently(run, told=lambda text: sys.stderr.write(f"{text}\n"))
    print_summary(database_url(settings), outcome)
    if problem := refusals(outcome):
        raise problem
    return Exit.OK


def _status(_: argparse.Namespace) -> int:
    from etl.summary import print_status

    return _with_database(print_status)


def _loads(_: argparse.Namespace) -> int:
    from etl.summary import print_loads

    return _with_database(print_loads)


def _undo(wanted: argparse.Namespace) -> int:
    from etl.core.database import database_url, with_timeouts
    from etl.core.failures import persistently
    from etl.core.migrate import upgrade_if_needed
    from etl.core.settings import Settings
    from etl.summary import Progress
    from etl.undo import undo_load

    settings = Settings.read()

    def undo() -> str:
        url = database_url(settings)
        upgrade_if_needed(url)
        with Progress() as progress:
            return undo_load(with_timeouts(url, settings), settings, wanted.load, on_step=progress.show)

    delivery = persistently(undo, told=lambda text: sys.stderr.write(f"{text}\n"))
    sys.stdout.write(
        f"load {wanted.load} is taken back out, and all is as if {delivery} had never come. Take that folder out of the "
        "landing zone, or correct it: the next load takes in what is there\n"
    )
    return Exit.OK


def _verify(_: argparse.Namespace) -> int:
    from etl.core.database import database_url
    from etl.core.settings import Settings
    from etl.summary import print_verified
    from etl.verify import verify

    found = verify(database_url(Settings.read()))
    print_verified(found)
    return Exit.GATE if any(compared.differing_count for compared in found) else Exit.OK


def _as_of(wanted: argparse.Namespace) -> int:
    from etl.summary import print_as_of

    return _with_database(
        lambda url: print_as_of(url, wanted.dimension, wanted.date, wanted.known_at, most=wanted.limit)
    )


def _dictionary(_: argparse.Namespace) -> int:
    from etl.dictionary import dictionary

    return _with_database(lambda url: sys.stdout.write(dictionary(url)))


def _gate(wanted: argparse.Namespace) -> int:
    import time

    from etl.core.database import database_url, with_timeouts
    from etl.core.settings import Settings
    from etl.quality.gate import decide
    from etl.recheck import recheck

    began = time.perf_counter()
    settings = Settings.read()
    load, results = recheck(with_timeouts(database_url(settings), settings), settings, wanted.load)
    passed = sum(result.passed for result in results)
    sys.stdout.write(
        f"gate: {passed} of {len(results)} checks passed by what load {load} touched, in "
        f"{time.perf_counter() - began:.1f} s; python run.py --only quality looks at everything\n"
    )
    decide(results, verdict=f"what load {load} touched is not sound")
    return Exit.OK


def _dq(wanted: argparse.Namespace) -> int:
    from etl.core.database import database_url
    from etl.core.settings import Settings
    from etl.quality.expectations import check_warehouse

    docs = Path("build/dq") if wanted.docs else None
    return check_warehouse(database_url(Settings.read()), strict=wanted.strict, docs=docs)


def _failures(wanted: argparse.Namespace) -> int:
    from etl.quality.failures import show_failures

    return _with_database(lambda url: show_failures(url, wanted.check, wanted.most))


def _report(wanted: argparse.Namespace) -> int:
    from etl.publish.report import write_report

    return _with_database(lambda url: sys.stdout.write(f"{write_report(url, Path(wanted.out))}\n"))


def _with_database(show: Callable[[str], object]) -> int:
    from etl.core.database import database_url
    from etl.core.migrate import upgrade_if_needed
    from etl.core.settings import Settings

    url = database_url(Settings.read())
    upgrade_if_needed(url)
    show(url)
    return Exit.OK
