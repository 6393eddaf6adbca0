"""Throw-away hosts that systemd boots on this machine: base trees, a bridge, and Ansible runs against them.

Needs root. Everything is made below one cache directory and one run directory, and taken down by the session.
"""
