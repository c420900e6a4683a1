"""Every promise kept in one process's memory: complete, and the reference for what each promise means."""
