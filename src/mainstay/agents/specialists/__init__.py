"""Agents who know one thing well. They know nothing of each other; what they share lies one level up."""
