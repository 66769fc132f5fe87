"""What a worker runs in a model's own environment."""
