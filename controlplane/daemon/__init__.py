"""The long-running process behind ``cmctl serve``."""
