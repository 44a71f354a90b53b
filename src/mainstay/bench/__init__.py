"""Benchmarks: ratios measured in one run, never in timed tests."""
