"""One suite per port: a class of your own with one fixture proves an implementation."""
