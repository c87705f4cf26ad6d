"""The gateway, with less patience for what the broker may have lost: what takes half a minute takes seconds."""

from datetime import timedelta

from gateway import rescue
from gateway.__main__ import main

rescue.LOST = timedelta(seconds=3)
rescue.LOOK_EVERY = 0.5

if __name__ == "__main__":
    main()
