"""The OpenAI door: `/v1`."""
