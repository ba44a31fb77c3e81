"""Random numbers that depend on nothing but the seed and the name of their purpose."""

import zlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """The stream of random numbers for one purpose, block, year...; the same arguments give the same stream."""
    tag = zlib.crc32(purpose.encode())
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(tag, *keys))))


def picks(rng: np.random.Generator, weights: npt.ArrayLike, count: int) -> Ints:
    """*count* places drawn by *weights*, which need not add up to one."""
    edges = np.cumsum(np.asarray(weights, dtype=float))
    drawn = np.searchsorted(edges / edges[-1], rng.random(count), side="right")
    return np.minimum(drawn, len(edges) - 1)


def picks_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """One place for each row of *weights*, drawn by that row."""
    edges = np.cumsum(weights, axis=1)
    places: Ints = (rng.random(len(weights))[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=1)
    return places


def band(values: npt.NDArray[np.number], edges: npt.ArrayLike) -> Ints:
    """The band each value lies in, where *edges* are the bands' lower ends."""
    found = np.searchsorted(np.asarray(edges), values, side="right") - 1
    return np.clip(found, 0, None)
