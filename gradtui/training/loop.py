"""The training loop: take one step of the policy per batch and record its loss in the journal.

``optimizer.zero_grad()`` is in the policies (gradtui/policies.py); everything else is the same for both variants: the
weights, the batches, their order, the random numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradtui.training.batches import as_inputs
from gradtui.training.experiments import Split
from gradtui.training.gradients import GradientProbe, measured_steps
from gradtui.training.journal import Journal
from gradtui.training.preparation import Training


def train(training: Training, journal: Journal) -> None:
    """Train to the end of the last epoch. Raises ``journal.Stopped`` if the run is stopped before."""
    settings, data = training.settings, training.data
    model, loss_fn, optimizer = training.model, training.loss_fn, training.optimizer
    train_step = training.policy.make(settings.k or 1)
    probe = GradientProbe(optimizer, stacked=settings.seeds > 1)
    to_measure = measured_steps(settings.planned_steps(training.side))
    next_measured = next(to_measure)
    step = 0

    journal.begin()
    for epoch in range(1, settings.epochs + 1):
        for inputs, targets in training.batches:
            step += 1
            if step == next_measured:
                next_measured = next(to_measure)
                with probe:
                    loss = train_step(model, loss_fn, optimizer, inputs, targets)
                journal.step(epoch, loss, probe.reading)
            else:
                loss = train_step(model, loss_fn, optimizer, inputs, targets)
                journal.step(epoch, loss)
        if data.test is not None:
            journal.epoch(epoch, *evaluate(model, loss_fn, data.test, training.device, journal))


@torch.no_grad()
def evaluate(
    model: nn.Module, loss_fn: nn.Module, test: Split, device: torch.device, journal: Journal, batch_size: int = 512
) -> tuple[Tensor, Tensor]:
    """The mean loss over ``test``, and the accuracy: the share of samples that the model classifies correctly.

    Of many seeds, both have a value per seed.
    """
    model.eval()
    loss, right = torch.zeros((), device=device), torch.zeros((), device=device)
    for inputs, targets in zip(test.inputs.split(batch_size), test.targets.split(batch_size), strict=True):
        outputs, wanted = model(as_inputs(inputs.to(device))), targets.to(device)
        loss = loss + loss_fn(outputs, wanted) * len(inputs)
        right = right + (outputs.argmax(dim=-1) == wanted).sum(dim=-1)
        journal.breathe()
    model.train()
    return loss / len(test), right / len(test)
