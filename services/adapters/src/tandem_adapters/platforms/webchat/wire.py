"""Headers of what the gateway hands over; the frames themselves are the contract's."""

VISITOR_ID = "x-visitor-id"
VISITOR_NAME = "x-visitor-name"
THREAD = "x-thread"
SAY = "say"
TYPING = "typing"
