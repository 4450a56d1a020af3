"""`sightline explain`: maps and predictions of any classifier on any films, without a study."""
