"""Promises in the engine's words: one protocol per aggregate and the frozen records it keeps.

No driver type, cursor or driver error crosses these lines. Time is passed in or is the store's own; it is never read
here.
"""
