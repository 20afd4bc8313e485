"""A parameter with hooks that report each contribution to its gradient, and why watching them has stopped, if it has."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from gradtui.check.watch.guard import guarded
from gradtui.check.watch.tensors import PLAIN, remove_hook, version_of
from gradtui.check.watch.values import total

LARGEST_KEPT = 1 << 20
"""Do not keep the values of a parameter with more elements."""


class HookedGradient:
    """The hooks on one parameter. Subclasses say what a hook does."""

    def __init__(self, parameter: Tensor, name: str) -> None:
        # Weak: the parameter holds the hooks and the hooks hold this; a cycle would keep a dropped model in memory.
        self._parameter = weakref.ref(parameter)
        self.name = name
        self.lost = self.kind = ""
        self.contributions = 0
        """Number of backward() calls that have added to the gradient since the last step."""
        self._weights_version = 0
        """The parameter's version at the last contribution."""
        self._values: Tensor | None = None
        self._proving = False
        self._nonzero: Tensor | None = None
        self._before: RemovableHandle | None = None
        self._after: RemovableHandle | None = None

    @property
    def parameter(self) -> Tensor | None:
        """The parameter, if it still exists."""
        return self._parameter()

    def _tensor_hook(self, fresh: Tensor) -> None:
        """Called when a backward() is about to add ``fresh`` to the gradient."""
        raise NotImplementedError

    def after_contribution(self, parameter: Tensor) -> None:
        """Called when a backward() has added to the gradient."""
        raise NotImplementedError

    @guarded
    def hook(self, parameter: Tensor) -> None:
        """Start following each contribution, if not started yet."""
        if self._before is None and not self.lost and parameter.requires_grad:
            self._before = parameter.register_hook(self._tensor_hook)

    @guarded
    def hook_after(self) -> None:
        """Start checking the gradient after each contribution as well.

        Only set when needed: once such a hook is removed, torch keeps calling from C++ into an empty dict, at each backward()
        and for each parameter, which slows a fast loop down noticeably.
        """
        parameter = self._parameter()
        if self._after is None and parameter is not None and parameter.requires_grad:
            self._after = parameter.register_post_accumulate_grad_hook(self.after_contribution)

    def unhook(self) -> None:
        if self._before is not None:
            remove_hook(self._before, self._parameter())
        if self._after is not None:
            self._after.remove()
        self._before = self._after = None

    def take_hooks_off(self, parameter: Tensor) -> Callable[[], None]:
        """Remove the hooks; return the function that sets them again."""
        before, after = self._before is not None, self._after is not None
        self.unhook()
        if before and parameter._backward_hooks:  # noqa: SLF001 (the script's own: torch would call none that is added)
            self.lost = "torch.utils.swap_tensors has taken its hooks away"

        def again() -> None:
            if before:
                self.hook(parameter)
            if after:
                self.hook_after()

        return again

    def give_up(self, *arguments: object) -> None:
        """Stop watching this gradient. The hooks stay until the next step: torch may be iterating over them right now."""

    @guarded
    def note_kind(self, parameter: Tensor) -> None:
        """Record the class of the parameter or its gradient if it is a subclass of torch's."""
        kinds = (type(parameter), type(parameter.grad))
        self.kind = next((kind.__name__ for kind in kinds if kind not in (*PLAIN, type(None))), "")

    @property
    def not_watched(self) -> str:
        """What is not watched, and why."""
        return f"{self.name} ({self.kind}): {self.lost}" if self.kind else f"{self.name}: {self.lost}"

    # Values

    @guarded
    def keep_values(self, parameter: Tensor) -> None:
        """Keep the parameter's values, unless it is large."""
        self._values = parameter.detach().clone() if parameter.numel() <= LARGEST_KEPT else None

    @guarded
    def values_changed(self, parameter: Tensor) -> bool:
        """Whether the parameter's values are not those that were kept."""
        before, self._values = self._values, None
        return before is not None and bool((parameter.detach() != before).any())

    @guarded
    def is_not_finite(self, parameter: Tensor) -> bool:
        """Whether the gradient holds nan or an infinity."""
        return parameter.grad is not None and not bool(total(parameter.grad).isfinite())

    @guarded
    def changed_since_backward(self, parameter: Tensor) -> bool:
        """Whether the script has changed the parameter itself since the last contribution."""
        return self._before is not None and self.contributions > 0 and version_of(parameter) != self._weights_version

    def prove(self) -> None:
        """From the next backward() on, look whether the gradient that it leaves is all zeros."""
        self._proving = True
        self.hook_after()

    @property
    def was_nonzero(self) -> bool:
        """Whether the last backward() is known to have left something else than zeros."""
        return self._nonzero is not None and bool(self._nonzero)
