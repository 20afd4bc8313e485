"""Every threshold of the verdicts on a run, with its reason. Those of the verdicts on a sweep are in sweeps/grid.py."""

from __future__ import annotations

# What the losses show

FEW_POINTS = 8
"""A curve with fewer points is too short to judge its shape, and a timing probe with fewer blocks too short for an interval."""

CONVERGED_SHARE = 0.1
"""A side has converged once its loss stays at or below this share of its first loss: a loss that is merely falling does not
count. The claims call it "a tenth"."""

FINAL_PARTS = 10
"""The final loss is the mean over the last of this many equal parts of the run, so that one lucky batch does not decide. The
claims call it "the last tenth"."""

SMALLEST_LOSS_DIFFERENCE = 0.01
"""Final losses that differ by at most this share of the larger one are too close to name the lower."""

SMALLEST_RISE = 0.01
"""A loss rises if it grows by more than this share of the first loss; noise near the end of a run stays below that."""

STEADY_RISES = 0.1
"""A loss falls steadily if it rises in at most this share of the stretches of the run."""
ERRATIC_RISES = 0.25
"""A loss is erratic if it rises in at least this share of the stretches; between the two it is clearly neither."""

EXPLODES = 1000.0
"""A loss has exploded once it exceeds the first loss by this factor: no batch is that much harder than another."""

# What the accuracies show

ACCURACY_ERRORS = 2.0
"""Accuracies must differ by more than this many standard errors of their difference, which is about 95 % confidence."""

SLIGHT_ACCURACY_DIFFERENCE = 0.05
"""The claim says "slightly higher"; a difference of this much or more, 5 points, is not slight."""

# What the gradients show

SMALLEST_GRADIENT_DIFFERENCE = 0.01
"""An applied gradient differs from the fresh one if their norms do by more than this share, which rounding does not reach."""

# What the times show

SMALLEST_TIME_DIFFERENCE = 0.03
"""Two measurements of the same work differ in time by up to this share."""

INTERVAL_TAIL = 0.025
"""The probability on either side of a 95 % confidence interval."""

STEPS_FOR_TIMES = 1000
"""With fewer steps, the slow first ones dominate, so times are not compared."""

# What the memory shows

SMALLEST_MEMORY_DIFFERENCE = 0.05
SMALLEST_GROWTH_MB = 16.0
"""Processes that do the same work differ by up to this much, so smaller differences say nothing."""

STEPS_FOR_GROWTH = 100
"""In fewer steps, a leak of a few gradients would not show."""

GROWTH_FACTOR = 2.0
"""Memory grows because of WITHOUT only if it grows more than this many times as much as WITH."""

# What the sharpness shows

CONVERGED_RESIDUAL = 0.01
"""The power iteration has converged when ``|H v - e v|`` is at most this share of the largest eigenvalue in size. Then an
eigenvalue lies that close to e, which is less than a dot of a chart; as the error goes with the square, it is usually closer."""
