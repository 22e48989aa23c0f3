"""SMS: getting a finished text to a phone number, and the virtual handset that receives those of test numbers.

The door: `Delivery.send` (delivery.py) with an `Sms` (model.py); `pin_text` (texts.py); `HandsetRoutes` (routes.py).
"""

from dialkey.sms.delivery import Delivery, Sender
from dialkey.sms.model import Accepted, Refused, Sms
from dialkey.sms.texts import pin_text

__all__ = ["Accepted", "Delivery", "Refused", "Sender", "Sms", "pin_text"]
