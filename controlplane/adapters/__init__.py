"""The only code that touches the outside world. Each module implements a Protocol of services/ports.py."""
