"""Annotation formats: strokes, shapes and run lengths to masks, one file per foreign format."""
