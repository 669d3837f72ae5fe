"""The entry points of the bot on AWS Lambda: two doors, the worker, and the clock, each with a `handler`.

Each loads what it needs and nothing of the others. At import nothing happens but that: settings are read and
clients made when the first event comes.
"""
