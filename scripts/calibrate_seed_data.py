"""Hold the synthetic marketplace to what is published about the real one.

    python ./scripts/calibrate_seed_data.py --landing data/landing          # the table; exit code 1 if a measure fails
    python ./scripts/calibrate_seed_data.py --docs docs                     # also writes docs/calibration.md and its plots

Without --landing it generates the default marketplace in a temporary folder.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, not as a module
    sys.path.insert(0, str(ROOT))

from scripts.calibration.facts import Facts  # noqa: E402
from scripts.calibration.measures import measures  # noqa: E402
from scripts.calibration.observe import observe  # noqa: E402
from scripts.calibration.report import Result, as_text, write_docs  # noqa: E402
from scripts.seed_data.options import Options  # noqa: E402
from scripts.seed_data.timeline import make_history  # noqa: E402


def results(landing: Path) -> tuple[Facts, list[Result]]:
    """Every measure of the deliveries in *landing*."""
    facts = Facts(observe(landing))
    return facts, [Result(measure, measure.ours(facts)) for measure in measures(facts.seen.years)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landing", type=Path, help="deliveries to measure (default: generate them)")
    parser.add_argument("--members", type=int, default=5000, help="size to generate (default %(default)s)")
    parser.add_argument("--docs", type=Path, help="folder of the documentation to write the page and plots to")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        landing = args.landing
        if landing is None:
            landing = Path(folder) / "landing"
            make_history(Options(members=args.members, years=3, seed=42, first_year=2023, out=landing))
        try:
            facts, found = results(landing)
        except FileNotFoundError as error:
            print(f"calibrate_seed_data: {error}", file=sys.stderr)
            return 2
    print(as_text(found))
    if args.docs:
        write_docs(args.docs, facts, found, args.members)
    return 0 if all(result.holds for result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
