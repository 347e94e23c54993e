"""Keep the memory pages of large arrays that die, so that the next array of that size finds them already mapped."""

from __future__ import annotations

import ctypes
import os
import sys

#: What mallopt calls them (glibc's malloc.h), and what they are set to.
M_TRIM_THRESHOLD, TRIM = -1, 256 << 20
M_MMAP_THRESHOLD, MMAP = -3, 32 << 20


def keep_pages() -> bool:
    """Tell glibc's allocator to keep up to 256 MB of freed memory, and to keep blocks of up to 32 MB at all.

    Otherwise it returns every large block to the system when it is freed, and the next array pays a page fault for
    each 4 KiB that it touches, several times what the arithmetic costs (docs/decisions/0008). It holds for the whole
    process. Nothing is changed where there is no glibc, and where the environment holds a setting of the user's own:
    ``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_``, ``GLIBC_TUNABLES``, or ``TINYGRAD_NN_KEEP_PAGES=0``.
    Gives whether it was done.
    """
    settings = os.environ
    if settings.get("TINYGRAD_NN_KEEP_PAGES") == "0" or "glibc.malloc" in settings.get("GLIBC_TUNABLES", ""):
        return False
    if not sys.platform.startswith("linux") or {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & settings.keys():
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 (another C library has no such function)
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, MMAP)) and bool(mallopt(M_TRIM_THRESHOLD, TRIM))
