"""Files that ship with the package: the sample workspace and its mailbox, flags, and the weights of recall.

Only data lives here, and the functions that find it. The formats are described in ``sample/README.md``;
reading them is the work of the modules that use them.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def sample_path(*parts: str) -> Traversable:
    """The place of a sample file or folder, wherever the package is installed.

    ``sample_path("workspace", "mainstay.toml")``. Nothing is checked: ask ``is_file()`` or ``is_dir()``, or
    let reading fail. A caller that needs a real path on disk wraps it in ``importlib.resources.as_file``.
    """
    return files(__name__).joinpath("sample", *parts)


def flag_path(name: str) -> Traversable:
    """The place of a file about risk flags: the examples of our own making, and the weights made from them."""
    return files(__name__).joinpath("flags", name)


def ranker_path() -> Traversable:
    """The weights that recall ranks by."""
    return files(__name__).joinpath("recall", "ranker.json")
