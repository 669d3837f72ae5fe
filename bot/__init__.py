"""The conversation, and the place where everything is put together and started."""
