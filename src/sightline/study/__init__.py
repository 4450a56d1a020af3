"""The ground floor: errors, whole files, strict parameters and the models of a study."""
