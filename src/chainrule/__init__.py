"""Train deep neural networks and see how they learn."""
