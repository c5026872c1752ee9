"""The thin package that the notebooks of the book share: plumbing, never a method that a chapter teaches."""

__version__ = "0.2.0"
