"""Realistic operations series with labelled incidents."""
