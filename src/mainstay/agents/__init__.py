"""Agents: planner, executor, specialists, inspector. They propose; only the director's one door acts."""
