"""What may vanish, in Redis or Valkey: presence and rate limits (D-1)."""
