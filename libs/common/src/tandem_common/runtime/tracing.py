"""One trace per message through every hop: W3C trace context in NATS headers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("tandem")


def configure_tracing(service: str, sample: float) -> None:
    """Install the process's tracer; without a sampled parent only a share is recorded."""
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(sample), resource=Resource({"service.name": service})
    )
    trace.set_tracer_provider(provider)


def outgoing_headers() -> dict[str, str]:
    """Return the headers that carry the current trace to the next hop."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return headers


@contextmanager
def hop(name: str, headers: Mapping[str, str] | None, kind: SpanKind) -> Iterator[None]:
    """Continue the trace that came in with `headers`, or begin one."""
    parent = _PROPAGATOR.extract(dict(headers)) if headers else context.get_current()
    with _TRACER.start_as_current_span(name, context=parent, kind=kind):
        yield
