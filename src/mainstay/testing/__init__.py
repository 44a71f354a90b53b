"""Test tools for what people add to Mainstay: fakes, conformance suites, the simulator. Public."""
