"""Adapters: each translates one outside system into the words of `provisioning`, and nothing more."""
