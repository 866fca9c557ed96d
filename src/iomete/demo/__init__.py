"""The demo: a small lakehouse of real flights, and a tour of what can be done with it."""

from iomete.demo.run import run_demo
from iomete.demo.tour import Step, Tour

__all__ = ["Step", "Tour", "run_demo"]
