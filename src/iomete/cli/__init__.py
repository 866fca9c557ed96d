"""The command line."""

from iomete.cli.app import main

__all__ = ["main"]
