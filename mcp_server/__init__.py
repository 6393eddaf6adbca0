"""The Claude memory MCP server: sessions and memories in PostgreSQL, vectors in Qdrant."""
