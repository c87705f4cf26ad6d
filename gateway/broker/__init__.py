"""Everything AMQP: what hangs on the broker, how to reach it, and the embedded one."""
