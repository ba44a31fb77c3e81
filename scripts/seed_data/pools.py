"""Pools of invented names, streets and companies: Faker fills them once, numpy combines them."""

from dataclasses import dataclass

from scripts.seed_data.cells import Cells, pool

NAMES, STREETS = 400, 500


@dataclass(frozen=True, slots=True)
class Pools:
    """CSV cells to choose from."""

    first_female: Cells
    first_male: Cells
    last: Cells
    street: Cells
    mail: Cells  # local parts of addresses, in lower case
    facility: Cells


def make_pools(seed: int) -> Pools:
    """The pools of *seed*; every last name of a provider and every domain says that it is an example."""
    from faker import Faker

    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(seed)
    last = sorted({fake.last_name() for _ in range(NAMES)})
    return Pools(
        first_female=pool(sorted({fake.first_name_female() for _ in range(NAMES)})),
        first_male=pool(sorted({fake.first_name_male() for _ in range(NAMES)})),
        last=pool(last),
        street=pool(sorted({fake.street_name() for _ in range(STREETS)})),
        mail=pool(name.lower().replace("'", "").replace(" ", "") for name in last),
        facility=pool(sorted({fake.company() for _ in range(200)})),
    )
