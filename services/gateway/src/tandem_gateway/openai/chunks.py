"""Completions and their chunks, as OpenAI writes them; pure."""

from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
NO_USAGE = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "total_tokens": 0,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
"""A person uses no tokens; zero is said, not guessed."""


class ChunkWriter:
    """Writes the chunks of one completion."""

    def __init__(self, turn: str, model: str, created: int, *, with_usage: bool) -> None:
        self._head = {
            "id": completion_id(turn),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._with_usage = with_usage

    def delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        """Write one chunk."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._block({"choices": [choice]}, None)

    def first(self) -> bytes:
        """Write the first chunk: who speaks."""
        return self.delta({"role": "assistant", "content": "", "refusal": None})

    def text(self, text: str) -> bytes:
        """Write a piece of the answer."""
        return self.delta({"content": text})

    def keepalive(self) -> bytes:
        """Write a chunk that says nothing: clients take it where they stumble over a comment."""
        return self.delta({})

    def last(self) -> bytes:
        """Write the end."""
        end = self.delta({}, "stop")
        if self._with_usage:
            end += self._block({"choices": []}, NO_USAGE)
        return end + DONE

    def _block(self, more: dict[str, Any], usage: dict[str, Any] | None) -> bytes:
        chunk = {**self._head, **more}
        if self._with_usage:
            chunk["usage"] = usage
        return b"data: " + orjson.dumps(chunk) + b"\n\n"


def error_block(body: dict[str, Any]) -> bytes:
    """Write an error into a stream that has begun."""
    return b"data: " + orjson.dumps(body) + b"\n\n" + DONE


def completion(turn: str, model: str, created: int, text: str) -> bytes:
    """Write a whole completion."""
    return orjson.dumps(
        {
            "id": completion_id(turn),
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": text,
                        "refusal": None,
                        "annotations": [],
                    },
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": NO_USAGE,
        }
    )


def completion_id(turn: str) -> str:
    """Name a completion by its turn."""
    return f"chatcmpl-{turn.replace('-', '')}"
