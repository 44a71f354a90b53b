"""What `Workspace` can do, by noun: one file for each, named for what a caller asks about.

    opened      a workspace opened for reading: its store, blobs, keys and settings, each when first needed
    runs        runs, their events and stories, reports about them, and the messages that began them
    approvals   cards: what waits, the list of it, one card, and what may still be taken back
    deciding    answers, starts and proposals, through the door that is there; how long a card was looked at
    desks       what has a class of its own: `workspace.memory`, `.policies`, `.steering` ...
    costs       what was spent, what budgets are left, and what they stopped
    ledger      the ledger as a whole: prove, compare, export, back up, compact, measure
    condition   whether all is well, and what was given up or is in doubt

A class says by what it inherits which others it needs, and is complete with them: `Costs(folder).budgets()` works by
itself. They are parents of `Workspace` and no objects within it, for its calls are its public surface: some ninety
signatures with their docstrings would stand twice, and those who change one would change it in two files. What only
few ask for is the other way: an object of its own, in `desks`.
"""
