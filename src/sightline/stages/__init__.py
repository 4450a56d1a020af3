"""One module per DVC stage, with its parameters and its `main`: read, call, write."""
