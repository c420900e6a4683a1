"""The ``greenroom`` command: a client of the operators' API.

It asks a running server and knows what can be asked. It imports nothing of the engine, of a store or of the server, and
what takes long to import only where it is used: an answer takes 150 ms at most.
"""
