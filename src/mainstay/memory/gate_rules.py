"""What the gate of triage promises unless told otherwise: `[triage]` of mainstay.toml, so that settings load alone."""

from __future__ import annotations

TARGET_ERROR = 0.02  # of what passes
AUDIT_SHARE = 0.04  # of what would pass goes to a person all the same
