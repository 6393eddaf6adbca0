"""HTTP routes on :8081, one module per noun."""
