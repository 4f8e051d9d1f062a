"""A faithful fake of the OneBot v11 implementation side."""

from .peer import ANN, BEN, GROUP, Knobs, OneBotPeer
from .world import Refused, Sent

__all__ = ["ANN", "BEN", "GROUP", "Knobs", "OneBotPeer", "Refused", "Sent"]
