"""What recovery sets are made of and kept in: PostgreSQL's tools, the vectors' copy, folders on disk."""
