"""Everything prepared before the first step: data, model, optimizer, and a rehearsal."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradtui.policies import POLICIES, Policy
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.batches import as_inputs
from gradtui.training.experiments import Data, Split


@dataclass(frozen=True)
class Training:
    """Everything that one side of a run (0 left, 1 right) trains with."""

    settings: RunSettings
    side: int
    device: torch.device
    policy: Policy
    data: Data
    model: nn.Module
    loss_fn: nn.Module
    optimizer: Optimizer


class Autocast(nn.Module):
    """A model whose forward pass runs under torch's bfloat16 autocast; its outputs are float32."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self._device_type = device.type

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast(self._device_type, dtype=torch.bfloat16):
            outputs: Tensor = self.model(inputs)
        return outputs.float()


def prepare(settings: RunSettings, side: int, device: torch.device) -> Training:
    """Prepare the data, the model and the optimizer of one side on the device."""
    experiment = experiments.load(settings.experiment)
    torch.manual_seed(settings.seed)
    data = experiment.data(settings)
    model = experiment.model(settings)
    if settings.init == "independent" and side == 1:
        model = experiment.model(settings)  # drawn after the left side's, as in a script that creates one, then the other
    model = placed(model, settings, device)
    torch.manual_seed(settings.seed)  # from here on both sides draw the same random numbers
    optimizer = make_optimizer(settings, list(experiment.optimized(model, settings)))
    test = _on(device, data.test) if data.test is not None else None
    policy = POLICIES[settings.policies[side]]
    return Training(settings, side, device, policy, Data(_on(device, data.train), test), model, experiment.loss_fn, optimizer)


def placed(model: nn.Module, settings: RunSettings, device: torch.device) -> nn.Module:
    """The model on the device, in the precision of the run."""
    model.to(device)
    return Autocast(model, device) if settings.precision == "bfloat16" else model


def make_optimizer(settings: RunSettings, tensors: list[Tensor]) -> Optimizer:
    """Create the optimizer for ``tensors``; it clips their gradients before each step if ``clip_norm`` is set."""
    optimizer_class = getattr(torch.optim, settings.optimizer)
    optimizer: Optimizer = optimizer_class(tensors, lr=settings.lr, **settings.optimizer_options)
    if settings.clip_norm:

        def clip(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nn.utils.clip_grad_norm_(tensors, settings.clip_norm)

        optimizer.register_step_pre_hook(clip)
    return optimizer


def _on(device: torch.device, split: Split) -> Split:
    """Move the samples to the device, unless they would take more than half of a GPU's free memory."""
    if device.type == "cuda" and split.bytes > torch.cuda.mem_get_info(device)[0] // 2:
        return split
    return Split(split.inputs.to(device), split.targets.to(device))


def warm_up() -> None:
    """Take one trivial step, so that what torch imports and starts at its first step is ready before a run begins."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()


def rehearse(training: Training) -> None:
    """Run one forward and backward pass on a copy, so that starting threads and kernels does not inflate the first step."""
    copy = deepcopy(training.model)
    size = training.settings.step_samples(training.side)
    inputs, targets = training.data.train.inputs[:size], training.data.train.targets[:size]
    random_state = torch.get_rng_state()
    training.loss_fn(copy(as_inputs(inputs.to(training.device))), targets.to(training.device)).backward()
    torch.set_rng_state(random_state)
    if training.device.type == "cuda":
        del copy
        torch.cuda.reset_peak_memory_stats(training.device)
