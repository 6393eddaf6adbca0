"""Vectors in Qdrant: in process, or a server."""
