"""Under which authority an act leaves, as its events say: a person's card, what its kind has earned, or a rule."""

from __future__ import annotations

BY_A_PERSON = "approval:"  # and the id of the card
BY_ITSELF = "autonomy:"  # and the kind
BY_A_RULE = "rule:"  # and its name
