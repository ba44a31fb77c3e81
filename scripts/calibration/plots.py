"""Five plots as plain SVG, light enough to be read in a diff and legible on light and dark pages."""

from collections.abc import Callable, Sequence

import numpy as np

from scripts.calibration.facts import Facts
from scripts.calibration.ours import DENIAL_CODES

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 70, 40, 16
BLUE, ORANGE, GREY = "#2f6f9f", "#d08020", "#8a8a8a"


def _page(body: Sequence[str], height: int = HEIGHT) -> str:
    style = "text{font:12px sans-serif;fill:#777}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><style>{style}</style>'
    return "\n".join([head, *body, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _axes(x_labels: Sequence[tuple[float, str]], y_labels: Sequence[tuple[float, str]]) -> list[str]:
    """Axes over the unit square, with labels at their places."""
    marks = [_line([_at(0, 1), _at(0, 0), _at(1, 0)], GREY)]
    marks += [_text(_at(x, 0)[0], HEIGHT - BOTTOM + 18, label) for x, label in x_labels]
    marks += [_text(LEFT - 8, _at(0, y)[1] + 4, label, "end") for y, label in y_labels]
    return marks


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + x * (WIDTH - LEFT - 20), HEIGHT - BOTTOM - y * (HEIGHT - BOTTOM - TOP)


def age_pyramid(facts: Facts) -> str:
    """Women to the left, men and others to the right, in bands of five years."""
    active = facts.active
    age = (np.datetime64(f"{facts.year}-07-01") - facts.spans.birth[active]).astype(np.int64) / 365.2425
    female = facts.spans.female[active]
    edges = np.arange(0, 70, 5)
    sides = [np.histogram(age[female], [*edges, 70])[0], np.histogram(age[~female], [*edges, 70])[0]]
    most = max(int(side.max()) for side in sides)
    middle, step = WIDTH / 2, (HEIGHT - BOTTOM - TOP) / len(edges)
    body = [_text(middle - 120, HEIGHT - 12, "women"), _text(middle + 120, HEIGHT - 12, "men and others")]
    for i, edge in enumerate(edges.tolist()):
        y = HEIGHT - BOTTOM - (i + 1) * step
        wide = [float(side[i]) / most * (middle - 60) for side in sides]
        body.append(_rect(middle - 26 - wide[0], y, wide[0], step - 2, ORANGE))
        body.append(_rect(middle + 26, y, wide[1], step - 2, BLUE))
        body.append(_text(middle, y + step - 6, f"{edge}-{edge + 4}"))
    return _page(body)


def _bars(names: Sequence[str], ours: Sequence[float], targets: Sequence[float | None]) -> str:
    """Horizontal bars with the published value as a mark."""
    most = max(*ours, *(t for t in targets if t is not None))
    height = 34 * len(names) + 30
    body = [_text(WIDTH - 20, height - 8, "bar: ours, mark: published", "end")]
    for i, (name, value, target) in enumerate(zip(names, ours, targets, strict=True)):
        y = 10 + 34 * i
        body.append(_text(165, y + 17, name, "end"))
        body.append(_rect(175, y, value / most * 390, 24, BLUE))
        body.append(_text(180 + value / most * 390, y + 17, f"{value:.1f} %", "start"))
        if target is not None:
            body.append(_rect(175 + target / most * 390 - 1.5, y - 3, 3, 30, ORANGE))
    return _page(body, height)


def tier_mix(facts: Facts) -> str:
    """Members by metal level in February."""
    metal = facts.spans.metal[facts.active]
    levels = {"Catastrophic": ("Catastrophic",), "Bronze": ("Bronze", "Expanded Bronze"), "Silver": ("Silver",),
              "Gold": ("Gold",), "Platinum": ("Platinum",)}  # fmt: skip
    ours = [100 * float(np.isin(metal, names).mean()) for names in levels.values()]
    return _bars(list(levels), ours, [0.3, 30, 56, 13, 1])


def concentration(facts: Facts) -> str:
    """Cumulative cost of members from the dearest on."""
    allowed = np.sort(facts.full_years[2])[::-1]
    total = np.cumsum(allowed) / allowed.sum()
    places = np.linspace(0, 1, 201)
    curve = np.interp(places, np.arange(1, len(total) + 1) / len(total), total)
    body = _axes([(x / 10, f"{x * 10} %") for x in range(0, 11, 2)], [(y / 4, f"{y * 25} %") for y in range(5)])
    body.append(_line([_at(x, y) for x, y in zip(places.tolist(), curve.tolist(), strict=True)], BLUE))
    for share, part in ((0.01, 0.22), (0.05, 0.48), (0.10, 0.626)):
        x, y = _at(share, part)
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{ORANGE}"/>')
    body.append(_text(WIDTH - 20, TOP + 30, "line: ours, dots: published", "end"))
    return _page(body)


def lag_curve(facts: Facts) -> str:
    """Medical dollars paid by months since service."""
    c = facts.claims
    mine = (c.version == 1) & (c.paid > 0) & (c.kind != "pharmacy") & (facts.service_year == min(facts.seen.years))
    waited = (c.paid_on[mine] - c.service_end[mine]).astype(np.int64) / 30.4
    order = np.argsort(waited, kind="stable")
    paid = np.cumsum(c.paid[mine][order]) / c.paid[mine].sum()
    published = [0, 0.60, 0.84, 0.92, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.998]
    months = np.linspace(0, 12, 241)
    ours = np.interp(months, waited[order], paid, left=0.0)
    body = _axes([(m / 12, str(m)) for m in range(0, 13, 2)], [(y / 4, f"{y * 25} %") for y in range(5)])
    body.append(_line([_at(m / 12, y) for m, y in zip(months.tolist(), ours.tolist(), strict=True)], BLUE))
    body.append(_line([_at(m / 12, y) for m, y in enumerate(published)], ORANGE, dashed=True))
    body.append(_text(WIDTH - 20, HEIGHT - BOTTOM - 10, "months since service; dashed: published", "end"))
    return _page(body)


def denial_reasons(facts: Facts) -> str:
    """Denied claims by reason."""
    denied = facts.heads & facts.denied_whole[facts.claims.root]
    codes = facts.claims.carc[denied]
    ours = {name: 100 * float(np.isin(codes, known).mean()) for name, known in DENIAL_CODES.items()}
    ours = {"other": 100 - sum(ours.values()), **ours}
    targets = {"other": 34.0, "administrative": 18.0, "excluded": 16.0, "benefit limit": 12.0, "prior authorisation": 9.0,
               "medical necessity": 6.0}  # fmt: skip
    return _bars(list(ours), list(ours.values()), [targets.get(name) for name in ours])


PLOTS: dict[str, tuple[str, str, Callable[[Facts], str]]] = {
    "age_pyramid": ("Age pyramid", "Members in force in February of the last plan year.", age_pyramid),
    "tier_mix": ("Metal levels", "Members in force in February of the last plan year.", tier_mix),
    "concentration": (
        "Concentration of cost",
        "Allowed cost of members covered a full year, the dearest first.",
        concentration,
    ),
    "lag_curve": ("Payment lag", "Medical claims of the first plan year, first payments.", lag_curve),
    "denial_reasons": ("Denial reasons", "Claims whose every line was denied at first.", denial_reasons),
}
