"""Charts of prices, ranks and scores: one definition of each, for reports, files and the UI."""
