"""SMS and MMS through Twilio's Programmable Messaging.

Twilio joins the parts of a long SMS before we hear it, and tells us only that it came, not when it was sent. Arabic
costs 70 characters for one part and 67 for each of several. A sender may be a short code or a name: such a complaint
is taken like any other, and cannot be answered.
"""

from __future__ import annotations

from channels.twilio_messaging import TwilioMessaging


class Sms(TwilioMessaging):
    """Text messages to the city's number."""

    name = "sms"
    texts = True
