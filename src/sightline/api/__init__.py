"""The public functions: what `import sightline` offers, with arrays of the caller's own."""
