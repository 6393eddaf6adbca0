"""Recovery sets: what one holds, which to keep, and where a restore may stop."""
