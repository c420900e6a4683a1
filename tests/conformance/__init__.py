"""What the wire promises by standards that others wrote, case by case."""
