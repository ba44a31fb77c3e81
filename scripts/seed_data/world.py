"""What is fixed for a whole run: the market, its pools, its providers and kinds of care."""

from dataclasses import dataclass, field

from scripts.seed_data.market import Market, load_market
from scripts.seed_data.options import Options
from scripts.seed_data.plans import Components, PlanBook, components, plan_book
from scripts.seed_data.pools import Pools, make_pools
from scripts.seed_data.providers import Providers, make_providers
from scripts.seed_data.services import Services, make_services


@dataclass(slots=True)
class World:
    """The fixed parts of the market; plan books are made once a year is asked for."""

    options: Options
    market: Market
    pools: Pools
    parts: Components
    providers: Providers
    services: Services
    books: dict[int, PlanBook] = field(default_factory=dict)

    def book(self, year: int) -> PlanBook:
        """The plans of *year*."""
        if year not in self.books:
            self.books[year] = plan_book(self.market, self.options.seed, self.options.first_year, year)
        return self.books[year]


def make_world(options: Options, market: Market | None = None) -> World:
    """The world of *options*; the same options make the same world."""
    market = market or load_market()
    pools = make_pools(options.seed)
    return World(
        options=options,
        market=market,
        pools=pools,
        parts=components(market),
        providers=make_providers(market, pools, options.seed, options.members, options.first_year),
        services=make_services(market),
    )
