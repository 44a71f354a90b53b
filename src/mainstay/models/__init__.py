"""Models: what turns text into text or into vectors, behind two small ports.

    base.py             the ports: Embedder, ModelClient, and the records that pass through them
    embedder.py         all-MiniLM-L6-v2 on this device: find it, load it, say why it is missing
    weights.py          the published weights: where they are, that they are right, how to install them
    wordpiece.py        text to token ids, equal to the reference tokenizer
    minilm_graph.py     the model as an ONNX graph, built once
    embedding_cache.py  vectors already computed, under keyed hashes
    scripted.py         deterministic stand-ins for tests, demos and machines without weights

Importing this package or `base` loads neither numpy nor the runtime; only embedding something does.
"""
