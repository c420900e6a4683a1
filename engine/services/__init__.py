"""What people and operators can do: one module per use, over the sessions and the stores."""
