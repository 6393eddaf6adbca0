"""Use cases, one module per noun. They depend on the Protocols in ``ports`` only."""
