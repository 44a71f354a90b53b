"""One thread for arithmetic: on small matrices more are slower, and on a busy machine many times so.

numpy's own OpenBLAS reads its environment when it is loaded, which may be long past; so it is asked directly.
Another BLAS, or one whose names differ, is left as it is: results do not depend on it, only the load does.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

_SETTERS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")


@cache
def one_thread() -> bool:
    """Ask the BLAS of numpy for one thread; whether it listened."""
    import numpy

    root = Path(numpy.__file__).parent
    for folder in (root.parent / "numpy.libs", root / ".libs", root / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            if _ask(path):
                return True
    return False


def _ask(path: Path) -> bool:
    try:
        library = ctypes.CDLL(str(path))  # loaded already: this only finds it
    except OSError:
        return False
    for name in _SETTERS:
        setter = getattr(library, name, None)
        if setter is not None:
            setter(ctypes.c_int(1))
            return True
    return False
