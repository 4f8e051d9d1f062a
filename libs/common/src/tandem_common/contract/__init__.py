"""What crosses a wire between services, plugins and the outside: plain frozen models, no I/O."""
