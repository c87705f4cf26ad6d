"""The house's side of the hotline, with one door: `open_lines`."""

from gateway.hotline.switchboard import Switchboard, open_lines

__all__ = ["Switchboard", "open_lines"]
