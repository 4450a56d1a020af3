"""Classifiers trained elsewhere: their files, and what their maps are computed from."""
