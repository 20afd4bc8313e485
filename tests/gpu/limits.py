"""How long the tests of the CUDA paths may take: short on a card, where time is dear; ample where a busy CPU rehearses them."""

from __future__ import annotations

import os

NAME = os.environ.get("GRADTUI_TEST_DEVICE") or "cuda"
PATIENCE = 4 if NAME == "cpu" else 1
IN_PROCESS_SECONDS = 40 * PATIENCE
WITH_PROCESSES_SECONDS = 70 * PATIENCE
START_SECONDS = 40 * PATIENCE
"""Until a run has taken its first steps."""
