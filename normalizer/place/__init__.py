"""Where a problem is: the city's names found in a citizen's words, a pin put into a district, and both joined."""

from normalizer.place.areas import Area, Areas
from normalizer.place.gazetteer import Found, Gazetteer
from normalizer.place.join import How, Located, place_of_text
from normalizer.place.names import Named, Need

__all__ = ["Area", "Areas", "Found", "Gazetteer", "How", "Located", "Named", "Need", "place_of_text"]
