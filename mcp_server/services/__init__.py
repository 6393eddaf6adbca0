"""Use cases of the memory server, and the Protocols they need."""
