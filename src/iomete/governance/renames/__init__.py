"""Policies, tags and owners follow tables and columns that get other names."""
