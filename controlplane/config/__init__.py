"""One schema for validation, reference page and sample file."""
