"""The ledger: streams of events, what is cached from them, blobs, and the sealing of personal values."""
