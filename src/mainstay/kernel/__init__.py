"""The kernel: vocabulary and decisions, pure.

Rules of this package:

- A run is a fold over its events, and the work left to do is a function of that fold.
- `decide(state, command, facts) -> events` chooses, `evolve(state, event) -> state` remembers and never
  refuses, `pending(state) -> effects` says what the outside world still owes us.
- No clock, no randomness, no I/O, no third-party package: time, policy and balances arrive as `facts`; ids
  and jitter are hashes of what they belong to. `import-linter` enforces it.
- Unions are closed and `match` over them ends in `assert_never`: a new event shows every place that must
  learn of it.
- A command that comes late, twice or for something that no longer waits decides to no events. It is not an
  error.

Theory of operation: the director (`mainstay.runtime.director`) takes commands, decides, appends what was
decided in one transaction and hands the new effects to the performer, which answers with commands. After a
crash the log is folded and `pending` read again. Recovery is boot.
"""
