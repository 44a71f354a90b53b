"""Triage: which intent a message has, how sure that is, and whether a person must look.

    triage.py       Triage: decide and learn, the whole as one object
    decision.py     what it says: Decision, Learned, Near
    words.py        vectors by words, where there is no embedder
    examples.py     the messages it knows, as vectors with their intents
    neighbours.py   votes of the ten nearest
    regression.py   multinomial logistic regression, advanced a bounded step at a time
    discriminant.py distances to the classes, for what belongs to none
    features.py     what the gate looks at
    logistic.py     a small logistic head with an honest doubt about itself
    records.py      what the gate learns from, and the last thousand that it looks back on
    gate.py         live decisions, the risk of the next one, and the threshold that keeps the promise
    audit.py        which automatic decisions go to the operator nevertheless, and what they prove
    parts.py        what it consists of
    frozen.py       all of that as an artifact, and back
    artifact.py     numbers and arrays as bytes, with a version and a digest
    threads.py      one thread for arithmetic

Rules of this package: the same calls in the same order give the same answers, on one machine bit for bit; nothing
is drawn at random and nothing runs in the background; no text is kept, only vectors. `numpy` is imported by all
but `decision.py`, so import `triage.triage` late.
"""
