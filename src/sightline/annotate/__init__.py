"""The experts' drawing page: who draws what, what they drew, and how it leaves for the study."""
