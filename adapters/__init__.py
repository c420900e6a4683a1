"""The real world behind the engine's ports: clock, configuration, data folder, embedded stores, outside services."""
