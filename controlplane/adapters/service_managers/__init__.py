"""Supervisor (embedded) and systemd (deployed) behind one Protocol."""
