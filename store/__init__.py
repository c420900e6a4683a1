"""What lasts: promises (``interfaces``) and the ways to keep them (``memory``, ``mongo``, ``redis``).

Importing this package loads no driver.
"""
