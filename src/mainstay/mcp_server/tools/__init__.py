"""The tools: one file a noun. Each calls the SDK, marks what others wrote, and returns plain data."""
