"""WhatsApp through Meta's own Cloud API. `WhatsappCloud` is its door."""

from channels.whatsapp_cloud.channel import WhatsappCloud, WhatsappCloudSettings

__all__ = ["WhatsappCloud", "WhatsappCloudSettings"]
