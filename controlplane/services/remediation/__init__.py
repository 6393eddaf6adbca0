"""Guarded remediation: remedies that are tried by themselves, one at a time."""
