"""Does a chest X-ray classifier look where medical experts look? The library: pure functions on arrays."""
