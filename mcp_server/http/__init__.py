"""The HTTP side: /mcp, /health, /metrics, /admin, and who may reach them."""
