"""Days as whole numbers since 1970, and the little arithmetic on them that the market needs."""

from datetime import date

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_EPOCH = date(1970, 1, 1).toordinal()


def day(year: int, month: int, day_of_month: int = 1) -> int:
    """That day's number; months beyond 12 run into the next years."""
    years, months = divmod(month - 1, 12)
    return date(year + years, months + 1, day_of_month).toordinal() - _EPOCH


def as_date(number: int) -> date:
    """The date of a day's number."""
    return date.fromordinal(number + _EPOCH)


def day_of(value: date) -> int:
    """A date's number."""
    return value.toordinal() - _EPOCH


def month_starts(year: int) -> Ints:
    """First days of the months of *year* and of January to December after it: place 1 is January, 13 the next one."""
    return np.array([0, *(day(year, month) for month in range(1, 26))], dtype=np.int64)


def month_of(days: npt.NDArray[np.integer], year: int) -> Ints:
    """Month number of each day, counted from January of *year* = 1."""
    return np.searchsorted(month_starts(year)[1:], days, side="right").astype(np.int64)


def weekday_forward(days: Ints) -> Ints:
    """Saturdays and Sundays moved to the Monday after."""
    weekday = (days + 3) % 7  # 0 = Monday
    return days + np.where(weekday >= 5, 7 - weekday, 0)


def next_business_day(number: int) -> int:
    """The first weekday after that day."""
    number += 1
    while (number + 3) % 7 >= 5:
        number += 1
    return number


def ages(births: Ints, on: npt.NDArray[np.integer] | int) -> Ints:
    """Completed years of age on a day."""
    born = births.astype("datetime64[D]")
    then = np.broadcast_to(np.asarray(on, dtype=np.int64), births.shape).astype("datetime64[D]")
    born_month, then_month = born.astype("datetime64[M]"), then.astype("datetime64[M]")
    months = (then_month - born_month).astype(np.int64)
    before_day = (then - then_month).astype(np.int64) < (born - born_month).astype(np.int64)
    years: Ints = np.maximum(0, (months - before_day) // 12)
    return years
