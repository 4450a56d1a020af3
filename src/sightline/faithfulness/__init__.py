"""Does the network use what a map or an expert points at: deletion, regions, randomisation."""
