"""What the workspace remembers, and how it finds it again."""
