"""How the rows of provisioning are written as JSON, for every adapter that keeps rows.

A body holds the whole value except what a store must reach by itself: the key, the version, and what the
store changes on its own (seats, breakage). Defaults are left out, moments are ISO 8601 with their offset.
Unknown members are passed over and missing ones take their defaults, so that neighboring releases read each
other's rows.
"""
