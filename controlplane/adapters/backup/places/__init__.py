"""Places that copies of recovery sets are kept in."""
