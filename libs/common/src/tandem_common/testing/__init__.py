"""What tests of every service need: builders, a clock that is told the time, real servers."""
