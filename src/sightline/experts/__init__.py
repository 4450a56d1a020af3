"""The experts: their annotations read and written, clean-up, consensus, STAPLE, agreement, reliability."""
