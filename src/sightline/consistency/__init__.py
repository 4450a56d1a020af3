"""Do map and score stay the same when nothing that matters changes: place, noise, compression, dropout, seed."""
