"""The gateway with little patience and few chairs, so that a test need not wait as long as an attacker would.

Only the numbers differ: what waits, who leaves and how is the program's own.
"""

import runpy

import channels.base.webhook
from gateway import threshold

threshold.Patience.__init__.__defaults__ = (1.5, 4.0, 2.0, 64 * 1024 * 1024, 40)
threshold.MOST = 40  # type: ignore[misc]
channels.base.webhook.PATIENCE = 1.5

runpy.run_module("gateway", run_name="__main__")
