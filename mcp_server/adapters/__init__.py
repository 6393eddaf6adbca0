"""The only code of the memory server that touches PostgreSQL, Qdrant and embedding models."""
