"""The verdict: does a map know the patient whose film it explains, judged beside controls."""
