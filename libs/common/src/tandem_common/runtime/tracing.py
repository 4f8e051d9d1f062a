"""One trace per message through every hop: W3C trace context in NATS headers.

Most deployments record a small share of traces, and a span that is not recorded still costs more
than the rest of a hop. So an unsampled trace is only carried on; spans are made for sampled ones.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_HEADER = "traceparent"
_SAMPLED = "-01"
_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("tandem")
_carried: ContextVar[str] = ContextVar("traceparent", default="")
_share = 0.0


def configure_tracing(service: str, sample: float) -> None:
    """Install the process's tracer; of traces that begin here a share is recorded."""
    global _share  # noqa: PLW0603 - one tracer a process, as OpenTelemetry has it
    _share = sample
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(sample), resource=Resource({"service.name": service})
    )
    trace.set_tracer_provider(provider)


def trace_id() -> str:
    """Return the id of the trace this code works for, or an empty string."""
    return _carried.get()[3:35]


def outgoing_headers() -> dict[str, str]:
    """Return the headers that carry the current trace to the next hop."""
    return {_HEADER: _carried.get() or _begun()}


def _begun() -> str:
    chance = os.urandom(24).hex()
    sampled = int(chance[:8], 16) < _share * 0x1_0000_0000
    return f"00-{chance[:32]}-{chance[32:]}-{'01' if sampled else '00'}"


@contextmanager
def hop(name: str, headers: Mapping[str, str] | None, kind: SpanKind) -> Iterator[None]:
    """Continue the trace that came in with `headers`, or begin one."""
    parent = (headers or {}).get(_HEADER) or _begun()
    if not parent.endswith(_SAMPLED):
        token = _carried.set(parent)
        try:
            yield
        finally:
            _carried.reset(token)
        return
    context = _PROPAGATOR.extract({_HEADER: parent})
    with _TRACER.start_as_current_span(name, context=context, kind=kind):
        own: dict[str, str] = {}
        _PROPAGATOR.inject(own)
        token = _carried.set(own.get(_HEADER, parent))
        try:
            yield
        finally:
            _carried.reset(token)
