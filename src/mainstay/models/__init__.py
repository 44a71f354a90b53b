"""Models: what turns text into text or into vectors, behind three small ports.

    base.py             the ports: Embedder, ModelClient, and the records that pass through them
    embedder.py         all-MiniLM-L6-v2 on this device: find it, load it, say why it is missing
    weights.py          the published weights: where they are, that they are right, how to install them
    wordpiece.py        text to token ids, equal to the reference tokenizer
    minilm_graph.py     the model as an ONNX graph, built once
    embedding_cache.py  vectors already computed, under keyed hashes; user_cache.py keeps one outside any workspace
    settings.py         how one configured model is reached, what may be sent to it, what it costs
    client.py           a language model at an OpenAI-compatible endpoint; chat.py, wire.py and faults.py are its parts
    typed.py, metered.py, limited.py, answer_cache.py    wrappers around a client
    spending.py         all of them in order, for one brief; batch_spending.py for work that is not urgent
    batch.py            the port of batches; openai_batch.py is OpenAI's
    bounds.py, prices.py, json_schema.py                 how many tokens at most, what they cost, what fits a schema
    endpoint_embedder.py    vectors from an endpoint
    traces.py           the names of spans and metrics
    scripted.py         deterministic stand-ins for tests, demos and machines without weights

Importing this package or `base` loads neither numpy nor the runtime; only embedding something does.
"""
