"""The gateway, looking around more often than it does for a city: what takes half a minute there takes seconds."""

import os
from datetime import timedelta

from gateway import rescue, watch
from gateway.__main__ import main
from gateway.broker import relay
from gateway.broker.rabbitmq import bus

watch.PERIOD = rescue.LOOK_EVERY = 0.5
bus.WATCH_EVERY = 2.0
relay.PARK, relay.PARK_MOST = 1.0, 8.0
if "TEST_LOST" in os.environ:
    rescue.LOST = timedelta(seconds=float(os.environ["TEST_LOST"]))

if __name__ == "__main__":
    main()
