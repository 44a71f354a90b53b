"""The only concurrency: the director decides and appends, the performer does the I/O, the loop carries between them."""
