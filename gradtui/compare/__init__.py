"""A user's own script as one side of a run: the script stands as it is, its optimizers' steps become the run's.

- ``worker``: the process; ``turns``: its supervisor, its turns, and how it is made to end;
- ``steps``: torch's hooks around every step; ``rows``: its row, and the wait for the next turn; ``losses``: whose backward()
  ran; ``measuring``: gradient norms;
- ``applied``: which gradients a step has applied: WITH clears them, WITHOUT sees who else does; ``void``: zero_grad() does
  nothing;
- ``seeds``, ``scalars``, ``notes``, ``standard_input``: small things around it.

Only what needs torch imports it, and only once the script has.
"""
