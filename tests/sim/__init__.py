"""The deterministic simulator: real engines on virtual time, over stores that fail, with people who know what is true."""
