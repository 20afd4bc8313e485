"""gradtui: see, with numbers that hold, what ``optimizer.zero_grad()`` does."""

__version__ = "0.1.0"
