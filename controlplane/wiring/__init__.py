"""Composition roots: the only modules that join services to adapters, one per entry point."""
