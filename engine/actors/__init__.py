"""Sessions as actors: one owner each, one message at a time. Knows no rooms, no calls and no money."""
