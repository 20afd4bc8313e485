"""What torch reveals about a running script: backward() calls, losses, clearing lines, and whose parameter a tensor is."""
