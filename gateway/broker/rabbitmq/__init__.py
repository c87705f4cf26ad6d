"""RabbitMQ behind the small interface; the one package that knows aio-pika, aiormq and pamqp."""

from gateway.broker.rabbitmq.bus import RabbitMQ

__all__ = ["RabbitMQ"]
