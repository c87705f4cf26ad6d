"""What the error codes of WhatsApp's Cloud API mean for us, beside those that the whole Graph API has.

The same codes come at once, as the answer to a request, and later, in the report of a message that failed.

Sources: Meta's "Error codes" page of the Cloud API.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from channels.graph import End, Fault

REENGAGE = "131047"
"""The citizen wrote more than a day ago: only a template may be sent."""

_TEMPLATE = Fault("the template cannot be sent as it stands", alarm=True, elsewhere=True)

WHATSAPP_FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "33": Fault("our number was deleted", End.BARRED),
        "130429": Fault("our number sends too much", End.BUSY, wait=60),
        "130472": Fault("WhatsApp keeps this person out of the message", elsewhere=True),
        "130497": Fault("our account may not write to this country", alarm=True, elsewhere=True),
        "131000": Fault("WhatsApp failed and does not know why", End.BUSY),
        "131005": Fault("our token may not send", End.BARRED),
        "131008": Fault("a field is missing", alarm=True),
        "131009": Fault("a field is not as Meta wants it", alarm=True),
        "131016": Fault("the service is away", End.BUSY),
        "131021": Fault("it would go to ourselves"),
        "131026": Fault("it cannot be delivered on WhatsApp", elsewhere=True),
        "131030": Fault("a test number may not write to this person", alarm=True, elsewhere=True),
        "131031": Fault("our account is locked", End.BARRED),
        "131037": Fault("our number's display name is not approved", End.BARRED),
        "131042": Fault("our account cannot pay", alarm=True, elsewhere=True),
        "131045": Fault("our number is not registered", End.BARRED),
        REENGAGE: Fault("the citizen wrote more than a day ago", elsewhere=True),
        "131048": Fault("too many called us spam", End.BUSY, wait=3600),
        "131049": Fault("WhatsApp keeps it back, for this person gets too much", elsewhere=True),
        "131050": Fault(
            "this person wants no marketing: the template is in the wrong category", alarm=True, elsewhere=True
        ),
        "131051": Fault("this kind of message cannot be sent", alarm=True),
        "131055": Fault("this cannot be asked for", alarm=True),
        "131056": Fault("too much to the same person", End.BUSY, wait=60),
        "131057": Fault("our account is being looked after", End.BUSY, wait=600),
        "131062": Fault("this cannot go to somebody without a number", alarm=True),
        "132000": _TEMPLATE,  # another number of parameters
        "132001": _TEMPLATE,  # not there, or not in this language
        "132005": _TEMPLATE,  # too long with what stands in it
        "132007": _TEMPLATE,  # breaks a policy
        "132012": _TEMPLATE,  # parameters of another kind
        "132015": _TEMPLATE,  # paused
        "132016": _TEMPLATE,  # disabled
        "133004": Fault("the service is away", End.BUSY),
        "133010": Fault("our number is not registered", End.BARRED),
        "135000": Fault("a field is not as Meta wants it", alarm=True),
    }
)
