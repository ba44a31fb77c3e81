"""Whether a load may be published, and whether the warehouse can be trusted."""
