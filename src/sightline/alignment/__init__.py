"""Maps against regions: metrics, baselines, lifts, the human scale, the ladder, shortcuts, the multiverse."""
