"""The plainest loop with the data, the weights and the batches of a run: what the recorded losses must equal."""

from __future__ import annotations

import torch

from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.batches import as_inputs


def plain_losses(device: torch.device, *, clears: bool, momentum: float = 0.0, **given: object) -> list[float]:
    """The loss of each step of plain SGD; ``given`` are the settings of the run, of one seed and in float32."""
    settings = RunSettings.parse(given)
    experiment = experiments.load(settings.experiment)
    torch.manual_seed(settings.seed)
    data = experiment.data(settings).train
    model = experiment.model(settings).to(device)
    inputs, targets = data.inputs.to(device), data.targets.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=momentum)
    shuffle = torch.Generator().manual_seed(settings.seed)
    losses = []
    for _ in range(settings.epochs):
        all_samples = settings.batch_size >= len(data)
        order = torch.arange(len(data)) if all_samples else torch.randperm(len(data), generator=shuffle)
        for batch in order.to(device).split(settings.batch_size):
            if clears:
                optimizer.zero_grad()
            loss = experiment.loss_fn(model(as_inputs(inputs[batch])), targets[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
