"""The field itself: events, racers, registrations, and what brings the world to the desired state.

It knows no outside system; what it needs from them stands in `provisioning.ports`.
"""
