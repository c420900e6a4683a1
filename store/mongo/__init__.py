"""Everything that must last, in MongoDB: one module for each interface, over one connection."""
