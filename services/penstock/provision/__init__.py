"""Makes a cluster match a plan, and brings up the broker it can be tried on."""
