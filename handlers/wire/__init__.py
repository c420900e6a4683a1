"""What all surfaces share: reading requests, admitting callers, writing replies. Knows none of the surfaces."""
