"""The ``cmctl`` command line."""
