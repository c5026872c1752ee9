"""Commands of the book (`python -m tools.run`) and what tests and the Sphinx extension share. Not installed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
