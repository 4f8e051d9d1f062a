"""The web chat: a page, a socket, an embeddable widget."""
