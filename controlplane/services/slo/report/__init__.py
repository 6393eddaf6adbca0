"""Use cases of reports: making one, saying it in a language, keeping those that are due."""
