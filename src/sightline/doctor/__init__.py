"""`sightline doctor`: what is installed and found on this machine, what is missing, and what needs it."""
