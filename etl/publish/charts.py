"""Charts as inline SVG: no script, colours from the page's style, every point with its figure on hover."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 620, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 120, 12, 30
Points = Sequence[tuple[str, float | None]]


def number(value: float, unit: str = "") -> str:
    """A figure as people read it: 1.2M, 34.5k, 87 %."""
    if unit == "%":
        return f"{100 * value:.0f} %"
    for limit, mark in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if mark == "k" else limit)
            return f"{unit}{scaled:,.1f}{mark}" if abs(scaled) < 100 else f"{unit}{scaled:,.0f}{mark}"
    return f"{unit}{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{unit}{value:,.2f}"


def lines(title: str, series: Mapping[str, Points], unit: str = "") -> str:
    """Lines over the same labels, which sort as they follow; each is named at its end. None is a gap."""
    labels = sorted({label for points in series.values() for label, _ in points})
    values = [value for points in series.values() for _, value in points if value is not None]
    if len(labels) < 2 or not values:
        return empty(title)
    top = _round_up(max(values))
    place = {label: LEFT + index * (WIDTH - LEFT - RIGHT) / (len(labels) - 1) for index, label in enumerate(labels)}
    drawn, ends = [], []
    for index, (name, points) in enumerate(series.items()):
        path, pen = [], "M"
        for label, value in points:
            if value is None:
                pen = "M"
                continue
            x, y = place[label], _y(value, top)
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
            drawn.append(
                f'<circle class="s{index % 6} dot" cx="{x:.1f}" cy="{y:.1f}" r="5">'
                f"<title>{escape(f'{name}, {label}: {number(value, unit)}')}</title></circle>"
            )
        drawn.insert(0, f'<path class="s{index % 6} line" d="{" ".join(path)}"/>')
        known = [(label, value) for label, value in points if value is not None]
        if known:
            ends.append((_y(known[-1][1], top), index, name))
    return _svg(title, "".join([_axis(top, unit), _labels(place), *drawn, _ends(ends)]))


def bars(title: str, rows: Sequence[tuple[str, float]], unit: str = "") -> str:
    """Lying bars, one a row, each with its figure."""
    if not rows:
        return empty(title)
    most = max(abs(value) for _, value in rows) or 1.0
    step, left, room = 26, 230, WIDTH - 230 - 80
    drawn = []
    for index, (label, value) in enumerate(rows):
        y, length = index * step, max(1.0, room * abs(value) / most)
        drawn.append(
            f'<text class="name" x="{left - 10}" y="{y + 16}" text-anchor="end">{escape(_shortened(label))}</text>'
            f'<rect class="s0 bar" x="{left}" y="{y + 4}" width="{length:.1f}" height="16" rx="2"/>'
            f'<text class="figure" x="{left + length + 8:.1f}" y="{y + 16}">{escape(number(value, unit))}</text>'
        )
    return _svg(title, "".join(drawn), len(rows) * step + 6)


def stacks(title: str, labels: Sequence[str], parts: Mapping[str, Sequence[float]], unit: str = "") -> str:
    """Standing bars over the labels, each made of the same parts from the bottom up."""
    totals = [sum(values[index] for values in parts.values()) for index in range(len(labels))]
    if not labels or not max(totals):
        return empty(title)
    top, room = _round_up(max(totals)), (WIDTH - LEFT - RIGHT) / len(labels)
    place = {label: LEFT + (index + 0.5) * room for index, label in enumerate(labels)}
    drawn, ends, base = [], [], [0.0] * len(labels)
    for part, (name, values) in enumerate(parts.items()):
        for index, label in enumerate(labels):
            if values[index]:
                upper, lower = _y(base[index] + values[index], top), _y(base[index], top)
                drawn.append(
                    f'<rect class="s{part % 6} bar" x="{place[label] - room * 0.42:.1f}" y="{upper:.1f}" '
                    f'width="{room * 0.84:.1f}" height="{max(lower - upper, 0.5):.1f}">'
                    f"<title>{escape(f'{name}, {label}: {number(values[index], unit)}')}</title></rect>"
                )
        if values[-1]:
            ends.append((_y(base[-1] + values[-1] / 2, top), part, name))
        base = [low + value for low, value in zip(base, values, strict=True)]
    return _svg(title, "".join([_axis(top, unit), _labels(place), *drawn, _ends(ends)]))


def empty(title: str) -> str:
    """What stands where there is nothing to draw."""
    return f'<p class="none">{escape(title)}: nothing to draw yet.</p>'


def _svg(title: str, content: str, height: float = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">{content}</svg>'


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * max(value, 0.0) / top


def _round_up(value: float) -> float:
    """The next number that makes four even steps."""
    if value <= 0:
        return 1.0
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next(scale * factor for factor in (1, 2, 4, 6, 8, 10) if scale * factor >= value)


def _axis(top: float, unit: str) -> str:
    steps = [top * step / 4 for step in range(5)]
    return "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(value, top):.1f}" y2="{_y(value, top):.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{_y(value, top) + 4:.1f}" text-anchor="end">{escape(number(value, unit))}</text>'
        for value in steps
    )


def _labels(place: Mapping[str, float]) -> str:
    every = max(1, -(-len(place) // 8))
    return "".join(
        f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>'
        for index, (label, x) in enumerate(place.items())
        if index % every == 0
    )


def _ends(ends: Sequence[tuple[float, int, str]]) -> str:
    """The names beside the ends, kept apart from each other."""
    places: list[float] = []
    for y, _, _ in sorted(ends):
        places.append(max(y, places[-1] + 15) if places else y)
    over = max(0.0, places[-1] - (HEIGHT - BOTTOM)) if places else 0.0
    return "".join(
        f'<text class="s{index % 6} end" x="{WIDTH - RIGHT + 10}" y="{place - over + 4:.1f}">'
        f"{escape(_shortened(name, 17))}</text>"
        for place, (_, index, name) in zip(places, sorted(ends), strict=True)
    )


def _shortened(text: str, most: int = 32) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
