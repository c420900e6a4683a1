"""The operators' dialect, on its own port.

Nothing is imported here, so that the command line, which lives below, starts without the server. ``surface.py`` holds
what the server wants.
"""
