"""Everything prepared before the first step: data, model, batches, optimizer, and a rehearsal.

With several seeds, what each of them draws is prepared as for a run of its own, and then stacked: see stacked.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradtui.catalog import EXPERIMENTS
from gradtui.policies import POLICIES, Policy
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.batches import Batches, SeedBatches, as_inputs
from gradtui.training.experiments import Data, ExperimentCode, Split
from gradtui.training.stacked import (
    OneByOneLoss,
    OneByOneModel,
    RandomState,
    StackedLoss,
    StackedModel,
    clip_each_seed,
    stacked,
    why_not_stacked,
)


@dataclass(frozen=True)
class Training:
    """Everything that one side of a run (0 left, 1 right) trains with.

    With several seeds, the model, the loss, the batches and the optimizer are those of all seeds, ``data`` has the test data
    that all of them share, and ``first`` is what the first seed would train with alone; it is not trained.
    """

    settings: RunSettings
    side: int
    device: torch.device
    policy: Policy
    data: Data
    model: nn.Module
    loss_fn: nn.Module
    optimizer: Optimizer
    batches: Batches | SeedBatches
    first: Training | None = None
    notes: Sequence[str] = ()
    """Caveats to show with the results."""


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
    """Prepare the data, the model, the batches and the optimizer of one side on the device."""
    if settings.seeds > 1:
        return _prepare_seeds(settings, side, device)
    return _prepare_seed(settings, side, device, experiments.load(settings.experiment).data)


def _prepare_seed(settings: RunSettings, side: int, device: torch.device, data_of: Callable[[RunSettings], Data]) -> Training:
    experiment = experiments.load(settings.experiment)
    torch.manual_seed(settings.seed)
    data = data_of(settings)
    model = experiment.model(settings)
    if settings.init == "independent" and side == 1:
        model = experiment.model(settings)  # drawn after the left side's, as in a script that creates one, then the other
    model = placed(model, settings, device)
    torch.manual_seed(settings.seed)  # from here on both sides draw the same random numbers
    optimizer = make_optimizer(settings, side, list(experiment.optimized(model, settings)))
    data = Data(_on(device, data.train), _on(device, data.test) if data.test is not None else None)
    shuffle = torch.Generator().manual_seed(settings.seed)
    batches = Batches(data.train, settings.step_samples(side), shuffle, device)
    policy = POLICIES[settings.policies[side]]
    return Training(settings, side, device, policy, data, model, experiment.loss_fn, optimizer, batches)


def _prepare_seeds(settings: RunSettings, side: int, device: torch.device) -> Training:
    """Prepare each seed as it would train alone, then stack them."""
    data_of = _data_of_all_seeds(experiments.load(settings.experiment), settings, device)
    singles, random_states = [], []
    for seed in settings.all_seeds:
        singles.append(_prepare_seed(settings.alone(seed), side, device, data_of))
        random_states.append(RandomState.of(device))
    first, models = singles[0], [single.model for single in singles]
    reason = _why_one_by_one(settings, first.model)
    model = OneByOneModel(models, random_states) if reason else StackedModel(models)
    weights = dict(zip(map(id, first.model.parameters()), model.weights, strict=True))
    tensors = [
        weights[id(held[0])] if id(held[0]) in weights else stacked(held)
        for held in zip(*(_held_by(single.optimizer) for single in singles), strict=True)
    ]
    shuffles = [torch.Generator().manual_seed(seed) for seed in settings.all_seeds]
    return replace(
        first,
        settings=settings,
        model=model,
        loss_fn=OneByOneLoss(first.loss_fn) if reason else StackedLoss(first.loss_fn),
        optimizer=make_optimizer(settings, side, tensors, clip_each_seed),
        batches=SeedBatches([single.data.train for single in singles], settings.step_samples(side), shuffles, device),
        first=first,
        notes=[f"the {settings.seeds} seeds train one after the other within each step: {reason}"] if reason else [],
    )


def _why_one_by_one(settings: RunSettings, model: nn.Module) -> str:
    """Why the seeds train one after the other within each step; empty if they train as a stack."""
    if EXPERIMENTS[settings.experiment].many_cores:
        return "a step of one seed keeps all cores busy, and a stack needs the memory of all"
    if settings.precision == "bfloat16":
        return "in bfloat16 a stack of models rounds differently from each model alone"
    return why_not_stacked(model)


def _data_of_all_seeds(
    experiment: ExperimentCode, settings: RunSettings, device: torch.device
) -> Callable[[RunSettings], Data]:
    """How to get a seed's data. Data whose making draws no random number is the same for all seeds, and made once."""
    before = torch.get_rng_state()
    data = experiment.data(settings)
    if not torch.equal(before, torch.get_rng_state()):
        return experiment.data
    there = Data(_on(device, data.train), _on(device, data.test) if data.test is not None else None)
    return lambda settings: there


def _trained(model: nn.Module) -> list[Tensor]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _held_by(optimizer: Optimizer) -> list[Tensor]:
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def placed(model: nn.Module, settings: RunSettings, device: torch.device) -> nn.Module:
    """The model on the device, in the precision of the run."""
    model.to(device)
    return Autocast(model, device) if settings.precision == "bfloat16" else model


def optimizer_options(settings: RunSettings, side: int) -> dict[str, object]:
    """Keyword arguments of a side's optimizer besides the learning rate: its policy's take the place of the settings'."""
    return {**settings.optimizer_options, **POLICIES[settings.policies[side]].optimizer_options}


def make_optimizer(
    settings: RunSettings,
    side: int,
    tensors: list[Tensor],
    clip_gradients: Callable[[list[Tensor], float], object] = nn.utils.clip_grad_norm_,
) -> Optimizer:
    """Create a side's optimizer for ``tensors``; it clips their gradients before each step if ``clip_norm`` is set."""
    optimizer_class = getattr(torch.optim, settings.optimizer)
    optimizer: Optimizer = optimizer_class(tensors, lr=settings.lr, **optimizer_options(settings, side))
    if settings.clip_norm:

        def clip(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            clip_gradients(tensors, settings.clip_norm)

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
    random_state = torch.get_rng_state()
    if isinstance(training.batches, SeedBatches):
        _rehearse_each_size(training, training.batches)
    else:
        copy = deepcopy(training.model)
        size = training.settings.step_samples(training.side)
        inputs, targets = training.data.train.inputs[:size], training.data.train.targets[:size]
        training.loss_fn(copy(as_inputs(inputs.to(training.device))), targets.to(training.device)).backward()
        del copy
    torch.set_rng_state(random_state)
    if training.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(training.device)


def _rehearse_each_size(training: Training, batches: SeedBatches) -> None:
    """Take a step of the policy with a batch of each size: the loss records its calls anew for each."""
    for inputs, targets in batches.of_each_size():
        copy = deepcopy(training.model)
        train_step = training.policy.make(training.settings.k or 1)
        train_step(copy, training.loss_fn, make_optimizer(training.settings, training.side, _trained(copy)), inputs, targets)
