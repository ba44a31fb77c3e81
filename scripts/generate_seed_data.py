"""Generate a synthetic ACA marketplace: the history of some plan years, or the next business days after it.

python ./scripts/generate_seed_data.py --members 5000 --years 3 --seed 42 --out data/landing
python ./scripts/generate_seed_data.py --days 1 --out data/landing
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, not as a module
    sys.path.insert(0, str(ROOT))

from scripts.seed_data.deliveries import Landing  # noqa: E402
from scripts.seed_data.options import Options, SeedDataError  # noqa: E402

MIN_MEMBERS, MAX_MEMBERS = 100, 2_000_000


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--members", type=int, help="members in the market at any time (default 5000)")
    found.add_argument("--years", type=int, help="plan years of history (default 3)")
    found.add_argument("--seed", type=int, help="same seed, same bytes (default 42)")
    found.add_argument("--first-year", type=int, help="first plan year (default 2023)")
    found.add_argument("--out", type=Path, default=Path("data/landing"), help="landing zone (default %(default)s)")
    found.add_argument("--days", type=int, metavar="N", help="append the next N business days to the history in --out")
    rates = found.add_argument_group("disorder", "shares from 0 to 1; all 0 by default")
    rates.add_argument("--late", type=float, default=0.0, metavar="R", help="records that come in a later delivery")
    rates.add_argument("--backdated", type=float, default=0.0, metavar="R", help="changes that hold from long before")
    rates.add_argument("--duplicates", type=float, default=0.0, metavar="R", help="records, and deliveries, sent twice")
    rates.add_argument("--corrected", type=float, default=0.0, metavar="R", help="deliveries sent wrong, then right")
    rates.add_argument(
        "--out-of-order", type=float, default=0.0, metavar="R", help="deliveries that come after the next"
    )
    rates.add_argument(
        "--defects", type=int, nargs="?", const=100, default=0, metavar="N",
        help="plant N defects (default %(const)s) in each delivery, and write <as_of>_answers.json beside it",
    )  # fmt: skip
    found.add_argument("--list-defects", action="store_true", help="print the catalogue of defects and stop")
    found.add_argument("--workers", type=int, help="processes (default: one a core); changes no byte")
    found.add_argument("--force", action="store_true", help="replace the deliveries this command made in --out")
    found.add_argument("--quiet", action="store_true", help="print nothing when all is well")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 0, or 2 where the request cannot be met."""
    args = parser().parse_args(arguments)
    if args.list_defects:
        from scripts.seed_data.defects import CATALOGUE

        for defect in CATALOGUE:
            print(
                f"{defect.feed:12}{defect.kind:42}{defect.verdict:10}{defect.reason:30}{defect.column or ''}".rstrip()
            )
        return 0
    began = time.perf_counter()
    try:
        folders, what = _run(args)
    except SeedDataError as error:
        print(f"generate_seed_data: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("generate_seed_data: stopped; run the same command again", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"generate_seed_data: {error.filename or args.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    if not args.quiet:
        seconds = time.perf_counter() - began
        print(
            f"{what}: {len(folders)} deliveries, {_claim_lines(folders):,} claim lines in {args.out} ({seconds:.1f} s)"
        )
    return 0


def _claim_lines(folders: list[Path]) -> int:
    """Claim lines of these deliveries, as their manifests count them."""
    manifests = (folder / "manifest.json" for folder in folders)
    found = (json.loads(path.read_text(encoding="utf-8"))["feeds"] for path in manifests if path.is_file())
    return sum(feeds.get("claims", {}).get("record_count", 0) for feeds in found)


def _run(args: argparse.Namespace) -> tuple[list[Path], str]:
    landing = Landing.open(args.out)
    from scripts.seed_data.disorder import Disorder

    disorder = Disorder(args.late, args.backdated, args.duplicates, args.corrected, args.out_of_order, args.defects)
    for name, value in asdict(disorder).items():
        if value < 0 or (name != "defects" and value > 1):
            raise SeedDataError(f"--{name.replace('_', '-')} {value} makes no sense; shares are from 0 to 1")
    if args.days is not None:
        if args.days < 1:
            raise SeedDataError("--days must be 1 or more")
        _same_market(args, landing)
        from scripts.seed_data.timeline import append_days

        return append_days(args.out, args.days, disorder, workers=args.workers), "next business days"
    options = Options(
        members=5000 if args.members is None else args.members,
        years=3 if args.years is None else args.years,
        seed=42 if args.seed is None else args.seed,
        first_year=2023 if args.first_year is None else args.first_year,
        out=args.out,
    )
    if not MIN_MEMBERS <= options.members <= MAX_MEMBERS:
        raise SeedDataError(f"--members must be from {MIN_MEMBERS} to {MAX_MEMBERS}")
    if not 1 <= options.years <= 10:
        raise SeedDataError("--years must be from 1 to 10")
    if not 2014 <= options.first_year <= 2040:
        raise SeedDataError("--first-year must be from 2014 to 2040")
    if options.seed < 0:
        raise SeedDataError("--seed must be 0 or more")
    if args.force:
        landing.clear()
    elif landing.matches(options, asdict(disorder) if disorder.any else {}):
        return landing.folders(), "already there, nothing written"
    elif not landing.is_empty:
        raise SeedDataError(f"{args.out} holds deliveries of another seed or size; --force replaces them")
    elif args.out.is_dir() and any(path.is_dir() and not path.name.startswith(".") for path in args.out.iterdir()):
        raise SeedDataError(f"{args.out} holds deliveries that this command did not make; choose another --out")
    from scripts.seed_data.timeline import make_history

    return make_history(options, disorder, workers=args.workers), "history"


def _same_market(args: argparse.Namespace, landing: Landing) -> None:
    """Days can only go on with the market that is there."""
    made = landing.options()
    for name in ("members", "years", "seed", "first_year"):
        asked = getattr(args, name)
        if asked is not None and asked != getattr(made, name):
            raise SeedDataError(f"--{name.replace('_', '-')} {asked} is not what {args.out} was made with")


if __name__ == "__main__":
    sys.exit(main())
