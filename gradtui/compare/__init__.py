"""Run a user's own script as one side of a run: the script is unchanged, and its optimizers' steps become the run's.

- ``script_worker``: the process; ``turns``: its supervisor, its turns, and how it is ended;
- ``steps``: torch hooks around every step; ``script_journal``: the step's row, and the wait for the next turn; ``losses``:
  whose backward() ran; ``measuring``: gradient norms;
- ``applied``: which gradients a step has applied: WITH clears them, WITHOUT detects other clearing; ``void``: makes
  zero_grad() do nothing;
- ``seeds``, ``logged_scalars``, ``notes``, ``standard_input``: the script's surroundings.

Only modules that need torch import it, and only once the script has.
"""
