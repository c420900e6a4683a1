"""The live session engine: decisions about calls, rooms and money, and the actors that carry them out.

Sees no clock, no randomness, no driver and no web framework: all of those come in through ``engine.ports``.
"""
