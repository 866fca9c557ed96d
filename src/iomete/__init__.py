"""A governed lakehouse in one object."""
