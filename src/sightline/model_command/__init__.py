"""`sightline model`: a template for a classifier trained elsewhere, and the check of one on the study's films."""
