"""Statistics on arrays: resampling and intervals, tests, ranks, Holm's correction, rankings."""
