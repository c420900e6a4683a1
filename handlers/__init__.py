"""The outside face: dialects as data over the engine.

Nothing is imported here, so that the command line starts without the server.
"""
