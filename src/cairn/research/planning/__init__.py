"""Dynamic planning: when a plan is worth what it costs."""
