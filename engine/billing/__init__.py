"""Time and gifts become balanced entries."""
