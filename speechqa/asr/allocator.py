"""Make glibc keep the memory that the recogniser asks for again and again.

CTranslate2 on a CPU allocates and frees buffers of tens of megabytes in every layer. glibc maps
and unmaps each of them, and the kernel clears every page anew. Kept in the heap, they are reused.
Must be called before the model is loaded; it holds for the whole process.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
_KEEP_BYTES = 1 << 30
_TOP_PAD_BYTES = 256 << 20


def keep_large_buffers() -> bool:
    """Tell glibc to keep large buffers; True where it listened.

    Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
    # Older versions refuse a threshold over 32 MB: then no buffer is mapped at all.
    kept = kept or mallopt(_M_MMAP_MAX, 0)
    kept = mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES) and kept
    kept = mallopt(_M_TOP_PAD, _TOP_PAD_BYTES) and kept
    # Heaps of other arenas end at 64 MB: one arena, the one that grows.
    return bool(mallopt(_M_ARENA_MAX, 1) and kept)
