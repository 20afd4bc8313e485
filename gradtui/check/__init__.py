"""``gradtui check train.py``: runs a training script as python would, and says whether it forgets zero_grad().

- ``command``: the command; ``arguments`` reads its options, ``gradtui.script`` runs the script, ``watched_run`` sees to it that
  the run ends in a report;
- ``watcher``, ``optimizer_watch``, ``gradient_history``, ``sentinel``: what happens to every gradient, seen through hooks;
  ``sharded_history`` to those of DTensors; ``guard`` keeps their errors out of the script;
- ``backwards``, ``losses``, ``lines``, ``clearing_lines``, ``parameters``: which backward(), which loss, which source line,
  whose parameter;
- ``facts``: what was seen, plain data; ``verdict`` judges it, ``report`` words it, ``ranks`` brings it together under torchrun.

Only what watches imports torch, and only once the script has.
"""
