"""``gradtui check train.py``: runs a training script as python would, and reports missing zero_grad() calls.

- ``command``: the command; ``arguments`` reads its options, ``gradtui.script`` runs the script, ``watched_run`` makes sure that
  the run ends in a report;
- ``api``: ``gradtui.watch()``, the same for a block of code; ``ipython_extension`` (``%%gradcheck``) and ``pytest_plugin`` (the
  fixture ``gradcheck``) are made of it;
- ``watch``: what happens to every gradient, seen through hooks. ``watcher`` finds the optimizers, ``optimizer_watch`` follows
  one of them (``watched_parameters``: with which parameters), ``gradient_history`` follows one gradient closely
  (``hooked_gradient``: its hooks), ``sharded_history`` that of a DTensor; ``light_watch``, ``sampled_watch``, ``fast_path`` and
  ``sentinel`` watch loops that clear, at almost no cost; ``guard`` keeps their errors out of the script;
- ``torch``: ``backwards``, ``loss_values``, ``clearing_lines``, ``parameters`` and ``optimizer_steps`` tell which backward(),
  which loss, which clearing line, whose parameter, which closure; ``source_lines`` which line of the user's code is running;
- ``facts``: what was seen, as plain data; ``verdict`` judges it, ``report`` words it, ``ranks`` collects it under torchrun.

Only the code that watches imports torch, and only after the script has.
"""
