"""Run a user's own script as one side of a run: the script is unchanged, and its optimizers' steps become the run's.

- ``script_worker``: the process; ``script_turns``: its supervisor, its turns, and how it is ended;
- ``step_hooks``: torch hooks around every step; ``script_journal``: the step's row, and the wait for the next turn;
  ``backward_losses``: the loss of a step; ``script_gradients``: gradient norms, taken before the script
  clips, which ``clipping`` notices;
- ``applied``: which gradients a step has applied: WITH clears them, WITHOUT detects other clearing; ``void_zero_grad``: makes
  zero_grad() do nothing;
- ``script_seed``, ``logged_scalars``, ``run_notes``, ``standard_input``: the script's surroundings; ``interruptions``: which
  exceptions are the script's own.

Only modules that need torch import it, and only once the script has.
"""
