"""The organizers' half of the conversation: what they say after "admin", who may, and what they are told."""
