"""Workflows as files: YAML in, typed and pinned plans out.

`loader` reads one file into the types of `kernel.plan` and `kernel.predicates` (with `triggers`, `tasks`, `language`
and `calendar` for its parts), `typing` checks it against what the workspace has (agents, operations, events),
`canonical` gives it the bytes that its digest is taken of and reads them back, `difference` says how two
versions differ. The shipped workflows lie in package data; nothing here knows one by name.
"""
