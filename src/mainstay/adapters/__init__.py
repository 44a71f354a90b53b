"""Adapters: one outside system each, behind a contract. The port is `adapters.base`; neighbours are strangers."""
