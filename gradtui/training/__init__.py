"""What trains: the only part of gradtui that imports torch, always in a process of its own."""
