"""WhatsApp through Twilio: the form of an SMS, with `whatsapp:` before both addresses.

The sender's name is what they call themselves. A place on the map comes with an empty body. An album of five photos
is five messages with nothing that ties them together. The sender may be known by a business-scoped id instead of a
number, so what stands after `whatsapp:` is never read as one here.
"""

from __future__ import annotations

from channels.twilio_messaging import TwilioMessaging


class Whatsapp(TwilioMessaging):
    """WhatsApp messages to the city's number."""

    name = "whatsapp"
    _prefix = "whatsapp:"
