"""How the process deals with the memory of chunks that are done with."""

import ctypes

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_ARRAY = 32 << 20


def keep_freed_memory() -> None:
    """Ask glibc to keep what one chunk frees for the next: to get it anew from the system takes a tenth of our time.

    Another C library does as it likes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # One pool for all threads: with one each, each would keep a chunk's worth.
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_ARRAY)
        mallopt(_M_TRIM_THRESHOLD, 8 * _LARGEST_ARRAY)
