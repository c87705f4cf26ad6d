"""What a message is about: the city's words, a small statistical model, and how sure the two are together."""

from normalizer.category.matcher import NOTHING, OTHER, Matcher
from normalizer.category.model import Model, ModelError, pack, unpack

__all__ = ["NOTHING", "OTHER", "Matcher", "Model", "ModelError", "pack", "unpack"]
