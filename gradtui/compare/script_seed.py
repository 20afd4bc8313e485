"""Both sides draw the same random numbers: python's, numpy's and torch's generators are seeded before the script uses them."""

from __future__ import annotations

import random

from gradtui.script.after_torch import after_import


def seed_all(seed: int) -> None:
    """Seed python's generator now, numpy's and torch's once the script has imported them."""
    random.seed(seed)

    def seed_numpy() -> None:
        import numpy

        numpy.random.seed(seed % 2**32)

    def seed_torch() -> None:
        import torch

        torch.manual_seed(seed)  # of all devices

    after_import("numpy", seed_numpy)
    after_import("torch", seed_torch)
