"""The OpenAI door: `/v1`. A model is a bot that somebody answers for, or an upstream's."""
