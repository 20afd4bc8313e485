"""Many seeds as one model: their parameters are stacked along a new first dimension, and every step trains all of them.

A policy, the optimizer and the loop treat the stack like any model, loss and batch:

- a batch has the shape (samples, seeds, ...), so ``len`` and ``chunk`` mean samples;
- ``loss_fn(model(inputs), targets)`` has a loss per seed, and its ``backward()`` adds each seed's gradient to ``.grad``;
- the optimizer works element by element, so on stacked tensors it does to each seed what it does to a single one.

Losses and gradients come from ``vmap(grad_and_value(...))``, which on a CPU runs the same kernels as a single model does, up
to the order in which matrix products add up. An ordinary ``backward()`` through ``vmap`` would not: chaotic runs drift apart
then. ``make_fx`` records the calls once per shape; replayed, they cost a third of what ``torch.func`` costs each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx


class Pending:
    """The outputs of a training step that nobody has computed yet: the loss computes them along with their gradients."""

    def __init__(self, model: StackedModel, inputs: Tensor) -> None:
        self.model = model
        self.inputs = inputs


class SeedLosses:
    """A loss per seed, with what a policy does to a loss."""

    def __init__(self, values: Tensor, gradients: list[Tensor], weights: Sequence[Tensor]) -> None:
        self._values = values
        self._gradients = gradients
        self._weights = weights

    def backward(self) -> None:
        """Let autograd add each seed's gradient to ``.grad``, with its hooks; once, as they are given away."""
        scalar: Tensor = _Known.apply(self._gradients, *self._weights)  # type: ignore[no-untyped-call]
        scalar.backward()

    def __mul__(self, share: float) -> SeedLosses:
        return SeedLosses(self._values * share, [gradient * share for gradient in self._gradients], self._weights)

    def detach(self) -> Tensor:
        """The losses, of shape (seeds,)."""
        return self._values


class _Known(torch.autograd.Function):
    """A scalar with these gradients. They are handed over, so that autograd may keep them as ``.grad`` without a copy."""

    @staticmethod
    def forward(ctx: Any, gradients: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return torch.zeros((), device=weights[0].device)

    @staticmethod
    def backward(ctx: Any, *of_scalar: Tensor) -> tuple[Tensor | None, ...]:
        given = (None, *ctx.gradients)
        ctx.gradients.clear()
        return given


class StackedModel(nn.Module):
    """The models of all seeds; ``weights`` are their stacked parameters, each of shape (seeds, ...)."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.names = [name for name, _ in models[0].named_parameters()]
        self.weights = nn.ParameterList(map(stacked, zip(*(model.parameters() for model in models), strict=True)))
        self.template = models[0].requires_grad_(False)
        """The structure of each model; its own parameters are not used."""

    def forward(self, inputs: Tensor) -> Tensor | Pending:
        """While training, inputs of shape (samples, seeds, ...) give outputs for :class:`StackedLoss`; without gradients,
        inputs of shape (samples, ...) that all seeds share give outputs of shape (seeds, samples, ...)."""
        if torch.is_grad_enabled():
            return Pending(self, inputs)
        outputs: Tensor = vmap(self.outputs, in_dims=(0, None))(list(self.weights), inputs)
        return outputs

    def outputs(self, weights: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """The outputs of the model with these weights, of one seed."""
        outputs: Tensor = functional_call(self.template, dict(zip(self.names, weights, strict=True)), (inputs,))
        return outputs


class StackedLoss(nn.Module):
    """The loss function of a single seed, applied to each seed of a stack."""

    def __init__(self, loss_fn: nn.Module) -> None:
        super().__init__()
        self.loss_fn = loss_fn
        self._recorded: dict[object, Callable[..., tuple[Tensor, ...]]] = {}

    def forward(self, outputs: Tensor | Pending, targets: Tensor) -> Tensor | SeedLosses:
        """Without gradients: outputs of shape (seeds, samples, ...) and targets that all seeds share give losses (seeds,)."""
        if isinstance(outputs, Tensor):
            losses: Tensor = vmap(self.loss_fn, in_dims=(0, None))(outputs, targets)
            return losses
        weights = list(outputs.model.weights)
        losses, *gradients = self._losses_and_gradients(outputs.model, weights, outputs.inputs, targets)
        return SeedLosses(losses, gradients, weights)

    @torch.no_grad()
    def _losses_and_gradients(
        self, model: StackedModel, weights: Sequence[Tensor], inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, ...]:
        tensors = (*weights, inputs.transpose(0, 1), targets.transpose(0, 1))
        key = model.training, *((tensor.shape, tensor.stride()) for tensor in tensors[len(weights) :])
        if key not in self._recorded:
            recorded = make_fx(self._of_each(model, len(weights)))(*tensors)
            for call in recorded.graph.nodes:
                if call.target is torch.ops.aten.mul.Scalar and call.args[1] == 1:  # each bias of a stacked linear layer
                    call.replace_all_uses_with(call.args[0])
            recorded.graph.eliminate_dead_code()
            recorded.recompile()
            self._recorded[key] = recorded.forward
        return self._recorded[key](*tensors)

    def _of_each(self, model: StackedModel, count: int) -> Callable[..., tuple[Tensor, ...]]:
        """A function of ``count`` stacked weights, inputs and targets that returns the losses and the gradients."""

        def loss(weights: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
            value: Tensor = self.loss_fn(model.outputs(weights, inputs), targets)
            return value

        each = vmap(grad_and_value(loss))

        def of_each(*tensors: Tensor) -> tuple[Tensor, ...]:
            gradients, losses = each(list(tensors[:count]), *tensors[count:])
            return losses, *gradients

        return of_each


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """One leaf tensor that holds those of all seeds."""
    return nn.Parameter(torch.stack([tensor.detach() for tensor in tensors]))


def clip_each_seed(tensors: Sequence[Tensor], limit: float) -> None:
    """Do to each seed's gradients what ``torch.nn.utils.clip_grad_norm_`` does: scale their joint norm down to a limit."""
    gradients = [tensor.grad for tensor in tensors if tensor.grad is not None]
    if not gradients:
        return
    # A norm over one dimension of the stack would round differently from that of a single model.
    of_tensors = torch.stack(_norms([of_seed for gradient in gradients for of_seed in gradient])).view(len(gradients), -1)
    norms = torch.stack(_norms(of_tensors.T.contiguous()))
    shares = (limit / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(shares.view(-1, *[1] * (gradient.dim() - 1)))


def _norms(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [*torch._foreach_norm([*tensors])]  # noqa: SLF001 (no public function takes a list of tensors)


# Models that cannot be stacked


def why_not_stacked(model: nn.Module) -> str:
    """Why models like this one cannot be trained as a stack; empty if they can."""
    for module in model.modules():
        if next(module.buffers(recurse=False), None) is not None:
            return f"{type(module).__name__} keeps values of its own between steps"
        if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001 (their common class)
            return f"{type(module).__name__} draws random numbers"
    return ""


@dataclass(frozen=True)
class RandomState:
    """Where torch's random numbers stand: those of the CPU, and those of a GPU, if one trains."""

    cpu: Tensor
    gpu: Tensor | None
    device: torch.device

    @classmethod
    def of(cls, device: torch.device) -> RandomState:
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None, device)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.gpu is not None:
            torch.cuda.set_rng_state(self.gpu, self.device)


class OneByOneModel(StackedModel):
    """The models of all seeds where they cannot be stacked: each computes by itself, one after the other.

    The weights are stacked all the same, for the optimizer. A model draws the random numbers that it would draw alone.
    """

    def __init__(self, models: Sequence[nn.Module], random_states: Sequence[RandomState]) -> None:
        super().__init__(models)
        self.models = nn.ModuleList(model.requires_grad_(False) for model in models)
        self._random_states = list(random_states)

    def forward(self, inputs: Tensor) -> Tensor | Pending:
        if torch.is_grad_enabled():
            return Pending(self, inputs)
        return torch.stack([self.outputs_of(place, self.weights_of(place), inputs) for place in range(len(self.models))])

    def weights_of(self, place: int) -> list[Tensor]:
        return [weight.detach()[place] for weight in self.weights]

    def outputs_of(self, place: int, weights: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """The outputs of one seed's model with these weights."""
        named = dict(zip(self.names, weights, strict=True))
        outputs: Tensor = functional_call(self.models[place], named, (inputs,))
        return outputs

    @contextmanager
    def random_numbers_of(self, place: int) -> Iterator[None]:
        """Draw a seed's own random numbers, from where that seed stopped."""
        self._random_states[place].restore()
        yield
        self._random_states[place] = RandomState.of(self.weights[0].device)


class OneByOneLoss(StackedLoss):
    """The loss function for :class:`OneByOneModel`."""

    def forward(self, outputs: Tensor | Pending, targets: Tensor) -> Tensor | SeedLosses:
        if isinstance(outputs, Tensor):
            return torch.stack([self.loss_fn(of_seed, targets) for of_seed in outputs])
        model, inputs = outputs.model, outputs.inputs
        assert isinstance(model, OneByOneModel)
        losses, gradients = [], []
        for place in range(len(model.models)):
            weights = [weight.requires_grad_() for weight in model.weights_of(place)]
            with model.random_numbers_of(place):
                loss = self.loss_fn(model.outputs_of(place, weights, inputs[:, place]), targets[:, place])
            losses.append(loss.detach())
            gradients.append(torch.autograd.grad(loss, weights, materialize_grads=True))
        return SeedLosses(torch.stack(losses), [*map(torch.stack, zip(*gradients, strict=True))], list(model.weights))
