"""Classifiers trained elsewhere: their files, what their maps are computed from, and whether they are what they say."""
