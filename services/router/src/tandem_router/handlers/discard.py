"""Does nothing, on purpose."""

from tandem_common.contract.outcomes import Author

from .base import Reply, Task


class DiscardHandler:
    """See the module."""

    async def handle(self, task: Task) -> Reply:  # noqa: ARG002 - the protocol's
        """Answer with nothing."""
        return Reply(Author(kind="system", name="discard"))
