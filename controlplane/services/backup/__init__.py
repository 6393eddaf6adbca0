"""Recovery sets: make, verify, prune and restore them."""
