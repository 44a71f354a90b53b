"""What the workspace remembers, and how it finds it again.

    records.py          what a record holds; sealed contents, marks and names
    documents.py        files become pieces; markdown.py, pdf.py, pdf_pages.py, decoding.py and chunks.py are its parts
    units.py            what is searched: one version of one memory
    index.py            all units in memory: filters, words, vectors; plain_index.py where numpy is not installed
    columns.py, text_table.py, postings.py, terms.py, vectors.py    its arrays
    view.py             the part of an index that a question may see, and how well rows answer by words
    cue.py              what a question says of its answer besides its words
    features.py         what speaks for a unit; ranking.py weighs it; fitting.py learns the weights
    policy.py           what a task may recall, and for how much; selection.py keeps its limits
    recall.py           all of it in order; context.py is what it hands over
    keywords.py         a small keyword search of its own, for the classifier
    lesson_rules.py, gate_rules.py    how lessons are used and what triage promises, apart so that settings load alone

Importing this package loads no numpy; making an index does.
"""
