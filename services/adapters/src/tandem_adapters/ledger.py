"""The sent-ledger: what was being sent when a process died, per conversation, in KV SENT.

A step is noted as `sending` before it is done and as `sent` after. Found `sending` by whoever takes
over, it may or may not have reached the platform: that is reported, not guessed.
"""

import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from nats.js.errors import APIError, BadRequestError

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.errors import UnavailableError
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker, is_conflict
from tandem_common.runtime.clock import Clock

_REMEMBERED = 20_000
_PAUSE_S = 0.1
_STREAM = f"KV_{subjects.SENT}"


class Entry(ContractModel):
    """How far a conversation's outcomes were carried out."""

    out: int = 0
    """Stream sequence of the outcome."""
    step: int = -1
    """The last step of it that was begun."""
    state: Literal["sending", "sent", "done"] = "done"
    """`done`: the whole outcome."""


@dataclass(frozen=True)
class _Known:
    entry: Entry
    revision: int


class Ledger:
    """Reads and writes the ledger of one platform's bots."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def read(self, key: str) -> Entry:
        """Return how far a conversation got."""
        known = self._known.get(key)
        if known is None:
            try:
                stored = await self._broker.last(_STREAM, _subject(key))
            except (*CONNECTION_ERRORS, APIError) as error:
                raise UnavailableError(f"the ledger cannot be read: {error!r}") from error
            entry = Entry.read(stored.data) if stored and stored.data else Entry()
            known = self._remember(key, entry, stored.sequence if stored else 0)
        return known.entry

    async def write(self, key: str, entry: Entry) -> None:
        """Note how far a conversation got.

        Raises:
            UnavailableError: Not noted, or somebody else noted something: read again.
        """
        known = self._known.get(key)
        headers = {subjects.HEADER_EXPECTED: str(known.revision if known else 0)}
        try:
            ack = await self._broker.js.publish(_subject(key), entry.to_json(), headers=headers)
        except BadRequestError as error:
            self.forget(key)
            if not is_conflict(error):
                raise
            raise UnavailableError("another process serves this conversation now") from error
        except (*CONNECTION_ERRORS, APIError) as error:
            self.forget(key)
            raise UnavailableError(f"the ledger cannot be written: {error!r}") from error
        self._remember(key, entry, ack.seq)

    async def settle(self, key: str, entry: Entry, noted: Entry, clock: Clock) -> None:
        """Note what is known to have happened over what was `noted`, however long it takes.

        Giving up here would leave in doubt what is not.

        Raises:
            UnavailableError: Somebody else has noted something in between.
        """
        while True:
            try:
                await self.write(key, entry)
            except UnavailableError:
                await clock.sleep(_PAUSE_S)
            else:
                return
            found = None
            with contextlib.suppress(UnavailableError):
                found = await self.read(key)
            if found == entry:
                return  # ours, its acknowledgement was lost
            if found not in (None, noted):
                raise UnavailableError("another process serves this conversation now")

    def forget(self, key: str) -> None:
        """Read a conversation afresh next time."""
        self._known.pop(key, None)

    def forget_all(self) -> None:
        """Read everything afresh: others may have written in the meantime."""
        self._known.clear()

    def _remember(self, key: str, entry: Entry, revision: int) -> _Known:
        known = self._known[key] = _Known(entry, revision)
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known


def _subject(key: str) -> str:
    return f"$KV.{subjects.SENT}.{key}"
