"""all-MiniLM-L6-v2 once more, in plain numpy and double precision: one text at a time, no padding, no tricks.

It shares no code with what ships, and exists to be compared with it.
"""

import math

import numpy

HEADS = 12


def embed(weights, token_ids):
    tensors = {
        name: tensor.astype(numpy.float64) for name, tensor in weights.items() if "word_emb" not in name
    }
    words = weights["embeddings.word_embeddings.weight"][token_ids].astype(numpy.float64)
    positions = tensors["embeddings.position_embeddings.weight"][: len(token_ids)]
    types = tensors["embeddings.token_type_embeddings.weight"][0]
    state = _norm(tensors, "embeddings", words + positions + types)
    for number in range(6):
        prefix = f"encoder.layer.{number}"
        attended = _attend(tensors, f"{prefix}.attention", state)
        wide = _linear(tensors, f"{prefix}.intermediate.dense", attended)
        active = wide * 0.5 * (1 + numpy.vectorize(math.erf)(wide / math.sqrt(2)))
        narrow = _linear(tensors, f"{prefix}.output.dense", active)
        state = _norm(tensors, f"{prefix}.output", narrow + attended)
    mean = state.mean(axis=0)
    return mean / numpy.linalg.norm(mean)


def _attend(tensors, prefix, state):
    query, key, value = (
        _linear(tensors, f"{prefix}.self.{part}", state) for part in ("query", "key", "value")
    )
    width = state.shape[1] // HEADS
    heads = []
    for head in range(HEADS):
        columns = slice(head * width, (head + 1) * width)
        scores = query[:, columns] @ key[:, columns].T / math.sqrt(width)
        shares = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(shares / shares.sum(axis=1, keepdims=True) @ value[:, columns])
    mixed = _linear(tensors, f"{prefix}.output.dense", numpy.concatenate(heads, axis=1))
    return _norm(tensors, f"{prefix}.output", mixed + state)


def _linear(tensors, name, state):
    return state @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def _norm(tensors, prefix, state):
    centred = state - state.mean(axis=1, keepdims=True)
    scaled = centred / numpy.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    return scaled * tensors[f"{prefix}.LayerNorm.weight"] + tensors[f"{prefix}.LayerNorm.bias"]
