"""X-rays in: the phantom and its annotators, decoding, folder studies, the split by patient."""
