"""Check: look at everything a person would look at first, and say it in one line each. `books` accounts for it all."""

from gateway.check.books import books
from gateway.check.check import check

__all__ = ["books", "check"]
