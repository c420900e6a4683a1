"""The deterministic simulator: real engines on virtual time, stores that fail, and people who know what is true."""
