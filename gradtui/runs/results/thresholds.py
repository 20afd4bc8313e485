"""Every threshold of the verdicts on a run, on seeds and on a sweep, with its reason."""

from __future__ import annotations

# What the losses show

FEW_POINTS = 8
"""A curve with fewer points is too short to judge its shape."""

CONVERGED_SHARE = 0.1
"""A side has converged once its loss stays at or below this share of its first loss: a loss that is merely falling does not
count. The claims call it "a tenth"."""

CONVERGED_FOR = 0.25
"""For good means: for at least this share of the run, up to its end. A loss that swings between its first value and 0 is
below CONVERGED_SHARE for a fifth of the time, so where it happens to be at the end does not count."""

FINAL_PARTS = 10
"""The final loss is the mean over the last of this many equal parts of the run, so that one lucky batch does not decide. The
claims call it "the last tenth"."""

SMALLEST_LOSS_DIFFERENCE = 0.01
"""Final losses that differ by at most this share of the larger one are too close to name the lower."""

SMALLEST_RISE = 0.01
"""A loss moves if it changes by more than this share of the first loss; noise near the end of a run stays below that."""

STEADY_RISES = 0.1
"""A loss falls steadily if at most this share of its moves are rises."""
ERRATIC_RISES = 0.25
"""A loss is erratic if at least this share of its moves are rises; between the two it is clearly neither."""

EXPLODES = 1000.0
"""A loss has exploded once it exceeds the first loss by this factor: no batch is that much harder than another."""

# What the accuracies show

ACCURACY_ERRORS = 2.0
"""If it is not known which samples were classified correctly, accuracies must differ by more than this many standard errors
of their difference, which is about 95 % confidence."""

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

FEWEST_BLOCKS = 6
"""Of fewer blocks, even the range from the smallest to the largest ratio is no 95 % interval of the median."""

FEWEST_WORKERS = 2
"""One worker does not tell how much workers differ."""

BUSY_LOAD = 1.5
"""From this load average per core on, others compute too: a run alone keeps one core busy."""

STEPS_FOR_TIMES = 1000
"""With fewer steps, the slow first ones dominate, so times are not compared."""

# What the memory shows

SMALLEST_MEMORY_DIFFERENCE = 0.05
SMALLEST_GROWTH_MB = 16.0
"""Processes that do the same work differ by up to this much, so smaller differences say nothing."""

NOISE_PER_GRADIENTS = 4.0
"""If SMALLEST_GROWTH_MB is more than this many times all gradients of the model, keeping them or not would not show."""

STEPS_FOR_GROWTH = 100
"""In fewer steps, a leak of a few gradients would not show."""

GROWTH_FACTOR = 2.0
"""Memory grows because of WITHOUT only if it grows more than this many times as much as WITH."""

# What several seeds show

SIGNIFICANCE = 0.05
"""A p value below this supports a verdict; in one of 20 cases without a difference, chance alone gets there."""

FEWEST_SEEDS = 3
"""With fewer seeds, nothing is told: with 2, a t test would have one degree of freedom."""

SHARE_OF_FINITE_PAIRS = 0.5
"""The t test leaves out the seeds in which a side is not finite. It tells something about the seeds only if it keeps more than
this share of them."""

EQUAL_LOSSES = 0.02
"""Losses within this share of each other do not differ in any way that matters."""

EQUAL_POINTS = 1.0
"""Accuracies within this many points of each other do not differ in any way that matters."""

SEEDS_TO_JUDGE = 10
"""Seeds of a sweep if none are given: the fewest with which a table of 18 cells can be sure. All 10 seeds to one side have
p = 0.002 by the sign test, and 18 times that is still below SIGNIFICANCE; with 9 it is not."""

FEWEST_OPTIMIZERS = 3
"""What holds for fewer optimizers is not said to hold for any."""

# What the sharpness shows

CONVERGED_RESIDUAL = 0.01
"""The power iteration has converged when ``|H v - e v|`` is at most this share of the largest eigenvalue in size. Then an
eigenvalue lies that close to e, less than a dot of a chart; as the error goes with the square, it is usually closer."""
