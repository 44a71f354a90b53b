"""all-MiniLM-L6-v2 on this device: find it, load it once, turn texts into vectors.

Rules of the file: fp32, one thread, no network. Numbers must not depend on company: a text is padded to a
multiple of `_LENGTH_STEP` tokens whether it comes alone or with others, and only texts of the same padded
length share a batch. What is missing or wrong is an `Unavailable` with a remedy and never an exception,
since recall goes on with keywords.

The first start builds the ONNX graph from the verified weights and keeps it in the cache folder with its
SHA-256 beside it; later starts check that hash, do not read the weights and do not need `onnx`. Heavy
imports happen on use.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.models import minilm_graph, weights, wordpiece
from mainstay.models.base import Unavailable
from mainstay.models.weights import WeightFiles

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.models.base import Embedder, Vectors

MODEL_ID = "all-MiniLM-L6-v2"
RUNTIME_REMEDY = (
    "Install the extra: `pip install 'mainstay[embedder]'`. Until then recall uses keywords alone."
)

# Eight tokens waste little on short texts and leave 32 shapes, so batches fill up.
_LENGTH_STEP = 8
# Bounds the memory of one run. 2,048 took 190 MB more at the peak and was not faster.
_BATCH_TOKEN_MAX = 512


@dataclass(frozen=True, slots=True)
class EmbedderStatus:
    """All that loading needs is there. `graph` is built already if `graph_ready`."""

    model_id: str
    files: WeightFiles
    graph: Path
    graph_ready: bool


def embedder_status(cache_dir: Path) -> EmbedderStatus | Unavailable:
    """What `doctor` says: cheap, since it looks at presence alone; `find_embedder` checks contents."""
    files = weights.find_weight_files()
    if isinstance(files, Unavailable):
        return files
    graph = graph_path(cache_dir)
    ready = graph.is_file() and _record_path(graph).is_file()
    for module in ("numpy", "onnxruntime") if ready else ("numpy", "onnxruntime", "onnx"):
        if util.find_spec(module) is None:
            return Unavailable(f"The embedder needs {module}, which is not installed.", RUNTIME_REMEDY)
    return EmbedderStatus(model_id=MODEL_ID, files=files, graph=graph, graph_ready=ready)


def embedder_fault(cache_dir: Path) -> Unavailable | None:
    """What `find_embedder` would find wrong with the contents of the files, without loading any; a second at most.

    Weights that are not the pinned ones are no fault while the graph that was built from the right ones is sound.
    """
    status = embedder_status(cache_dir)
    if isinstance(status, Unavailable):
        return status
    problem = weights.verify_vocabulary(status.files)
    if problem is None and not _is_sound(status.graph):
        problem = weights.verify_weights(status.files)
    return problem


def find_embedder(cache_dir: Path) -> Embedder | Unavailable:
    """The embedder of this device, loaded and checked; builds the graph if `cache_dir` has no sound one."""
    status = embedder_status(cache_dir)
    if isinstance(status, Unavailable):
        return status
    try:
        problem = weights.verify_vocabulary(status.files)
        if problem is None and not _is_sound(status.graph):
            problem = _build_graph(status)
        return problem or OnnxEmbedder(_load_session(status.graph), _read_vocabulary(status.files))
    except ImportError as error:
        return Unavailable(f"The embedder's runtime does not load: {error}.", RUNTIME_REMEDY)
    except OSError as error:
        reason = f"The embedder's files cannot be read or written: {error}."
        return Unavailable(reason, f"Make {cache_dir} writable with 100 MB to spare, then start again.")


def graph_path(cache_dir: Path) -> Path:
    """Where the built graph lies; the name changes with whatever can change its content."""
    return cache_dir / f"minilm-graph{minilm_graph.GRAPH_VERSION}-{weights.WEIGHTS_SHA256[:16]}.onnx"


class OnnxEmbedder:
    """The port on onnxruntime. Made by `find_embedder`, which has verified what it is given."""

    def __init__(self, session: Any, vocabulary: Sequence[str]) -> None:
        self._session = session
        self._tokenizer = wordpiece.WordPiece(vocabulary)
        self._recipe = recipe()

    @property
    def model_id(self) -> str:
        return MODEL_ID

    @property
    def dimensions(self) -> int:
        return minilm_graph.HIDDEN

    @property
    def recipe(self) -> str:
        return self._recipe

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy

        vectors = numpy.empty((len(texts), minilm_graph.HIDDEN), dtype=numpy.float32)
        tokens = [self._tokenizer.encode(text) for text in texts]
        for length, rows in _batches([len(ids) for ids in tokens]):
            token_ids, mask = _padded([tokens[row] for row in rows], length, self._tokenizer.pad_id)
            (vectors[rows],) = self._session.run(["embedding"], {"token_ids": token_ids, "mask": mask})
        return vectors


def recipe() -> str:
    """A hash of weights, graph, runtime and preprocessing.

    The runtime's version is part of it because its kernels decide the last bits of a number. The processor
    is not, though it does so too: vectors of two machines agree within 1e-5, and a workspace that moves
    keeps its own.
    """
    parts = (
        f"weights {weights.WEIGHTS_SHA256}",
        f"vocabulary {weights.VOCABULARY_SHA256}",
        f"graph {minilm_graph.GRAPH_VERSION}",
        f"onnxruntime {metadata.version('onnxruntime')} cpu fp32 step {_LENGTH_STEP}",
        f"wordpiece {wordpiece.TOKENIZER_VERSION}",
        f"tokens {wordpiece.TOKEN_MAX} characters {wordpiece.TEXT_CHAR_MAX}",
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _batches(lengths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Padded length and the rows that share it, shortest first, cut so that a batch keeps its token limit."""
    rows_by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows_by_length.setdefault(-(-length // _LENGTH_STEP) * _LENGTH_STEP, []).append(row)
    for length, rows in sorted(rows_by_length.items()):
        size = _BATCH_TOKEN_MAX // length
        for start in range(0, len(rows), size):
            yield length, rows[start : start + size]


def _padded(
    batch: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[NDArray[numpy.int64], NDArray[numpy.float32]]:
    import numpy

    token_ids = numpy.full((len(batch), length), pad_id, dtype=numpy.int64)
    mask = numpy.zeros((len(batch), length), dtype=numpy.float32)
    for row, ids in enumerate(batch):
        token_ids[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return token_ids, mask


def quiet_runtime() -> Any:
    """onnxruntime, kept from reporting its use to its makers: since 1.32 it does so by default, from a file of its own.

    The environment is read while it is imported, so it is set before; whoever imported it earlier is asked again.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _load_session(graph: Path) -> Any:
    onnxruntime = quiet_runtime()
    options = onnxruntime.SessionOptions()
    # Two threads on a busy machine were many times slower than one.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # The arena keeps the largest batch ever seen; plain allocation costs nothing that can be measured here.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _read_vocabulary(files: WeightFiles) -> list[str]:
    # Not splitlines(): the vocabulary's pieces may hold what Unicode calls a line end.
    return files.vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _record_path(graph: Path) -> Path:
    return graph.with_suffix(".sha256")


def _is_sound(graph: Path) -> bool:
    """A graph without its record, or unlike it, was torn by a crash or damaged since: it is built again."""
    record = _record_path(graph)
    if not (graph.is_file() and record.is_file()):
        return False
    return record.read_text(encoding="ascii", errors="replace").strip() == weights.file_sha256(graph)


def _build_graph(status: EmbedderStatus) -> Unavailable | None:
    problem = weights.verify_weights(status.files)
    if problem is not None:
        return problem
    model = minilm_graph.build_minilm(weights.read_safetensors(status.files.weights))
    status.graph.parent.mkdir(parents=True, exist_ok=True)
    # The record goes last: whoever sees it sees a whole graph. Two processes at once write the same bytes.
    _write_durably(status.graph, model)
    _write_durably(_record_path(status.graph), hashlib.sha256(model).hexdigest().encode())
    return None


def _write_durably(path: Path, content: bytes) -> None:
    """The whole file or none of it, also after a power cut."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
