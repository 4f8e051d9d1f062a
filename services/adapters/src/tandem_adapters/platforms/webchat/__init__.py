"""Web chat: the browser's socket ends in the gateway; the conversation is kept here."""

from tandem_adapters.base import Platform
from tandem_common.contract import subjects

from .adapter import WebChatAdapter
from .manifest import MANIFEST

PLATFORM = Platform(manifest=MANIFEST, make=WebChatAdapter, streams=(subjects.WEBCHAT,))
