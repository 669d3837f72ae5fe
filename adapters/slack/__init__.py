"""Slack: requests come in by the door, people are looked up, messages are rendered and spoken."""
