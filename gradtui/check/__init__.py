"""``gradtui check train.py``: runs a training script as python would, and reports missing zero_grad() calls.

- ``command``: the command; ``arguments`` reads its options, ``gradtui.script`` runs the script, ``watched_run`` makes sure that
  the run ends in a report;
- ``api``: ``gradtui.watch()``, the same for a block of code; ``ipython_extension`` (``%%gradcheck``) and ``pytest_plugin`` (the
  fixture ``gradcheck``) are made of it;
- ``watch``: what happens to every gradient, seen through hooks: ``watcher``, ``optimizer_watch``, ``gradient_history``,
  ``light_watch``, ``sentinel``; ``sharded_history`` does the same for DTensors; ``guard`` keeps their errors out of the script;
- ``torch``: ``backwards``, ``loss_values``, ``clearing_lines``, ``parameters`` tell which backward(), which loss, which
  clearing line, whose parameter; ``source_lines`` tells which line of the user's code is running;
- ``facts``: what was seen, as plain data; ``verdict`` judges it, ``report`` words it, ``ranks`` collects it under torchrun.

Only the code that watches imports torch, and only after the script has.
"""
