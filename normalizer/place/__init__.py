"""Where a problem is: the city's names found in a citizen's words, and a pin put into a district."""

from normalizer.place.areas import Area, Areas
from normalizer.place.gazetteer import Found, Gazetteer
from normalizer.place.names import Named, Need

__all__ = ["Area", "Areas", "Found", "Gazetteer", "Named", "Need"]
