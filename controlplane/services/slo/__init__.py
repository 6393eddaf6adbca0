"""Use cases of service level objectives: assessing them, and generating their rules."""
