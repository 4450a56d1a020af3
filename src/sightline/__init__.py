"""Does a chest X-ray classifier look where medical experts look? The library: pure functions on arrays."""

__version__ = "0.1.0"
