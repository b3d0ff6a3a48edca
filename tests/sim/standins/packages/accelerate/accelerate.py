"""Stand-in for accelerate, which only has to be there."""
