"""Names parameters after their models, and finds those that belong to no optimizer.

Torch reports each parameter that is registered in a module. Until an optimizer steps it, a hook on the parameter records which
backward() calls reach it: this covers the first step, and parameters whose gradients are never used.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import FrameType, ModuleType

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from gradtui.check.source_lines import frame_here, is_users, locals_of
from gradtui.check.torch.backwards import Backward, Backwards, backward_frame
from gradtui.check.torch.living import living
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.tensors import remove_hook, tensor_hook, version_of
from gradtui.check.watch.values import total

NOTED = 64
"""Keep at most this many backward() calls for a parameter that no optimizer has stepped yet."""


class Unclaimed:
    """A parameter that no optimizer has stepped yet. Only the parameter's own hook keeps this object alive."""

    def __init__(self, parameter: Tensor, backwards: Backwards) -> None:
        self.backwards: list[Backward] = []
        self.lost = ""
        self._told_by = backwards
        self._handle: RemovableHandle = parameter.register_hook(self._tensor_hook)

    def give_up(self, *arguments: object) -> None:
        """Stop recording."""

    @tensor_hook
    @guarded
    def _tensor_hook(self, fresh: Tensor) -> None:
        if len(self.backwards) < NOTED and not self.lost and backward_frame(frame_here(2)) is not None:
            self.backwards.append(self._told_by.current(frame_here(2)))

    def remove(self, parameter: Tensor | None) -> None:
        remove_hook(self._handle, parameter)


class Orphan:
    """A parameter that gets gradients but that no optimizer has stepped. ``by_hand``: its value changes anyway."""

    def __init__(self, parameter: Tensor, model: str, name: str) -> None:
        self.parameter = weakref.ref(parameter)
        self.model, self.name = model, name
        self.by_hand = False
        self._version, self._sum = version_of(parameter), total(parameter)

    def look(self) -> None:
        """Check whether the script has changed the parameter's value."""
        parameter = self.parameter()
        if parameter is not None and not self.by_hand:
            self.by_hand = version_of(parameter) != self._version or bool(total(parameter) != self._sum)


class Parameters:
    """All known parameters: their names, and whether an optimizer steps them."""

    def __init__(self, backwards: Backwards) -> None:
        self.orphans: dict[int, Orphan] = {}
        self._backwards = backwards
        self._modules: weakref.WeakKeyDictionary[nn.Module, None] = weakref.WeakKeyDictionary()  # in registration order
        # No weak references to the parameters themselves: torch.utils.swap_tensors refuses a tensor that has one.
        self._unclaimed: weakref.WeakValueDictionary[int, Unclaimed] = weakref.WeakValueDictionary()
        self._claimed: dict[int, weakref.ref[Tensor]] = {}
        self.earlier: set[int] = set()
        """The ids of parameters whose gradients are older than the watch: no reason to call them orphans."""
        self.lost = ""

    def give_up(self, *arguments: object) -> None:
        """Leave some names unknown, or some parameters without an optimizer unreported."""

    def stop(self) -> None:
        """Remove the hooks from the parameters that no optimizer has stepped."""
        for module in list(self._modules):
            for parameter in module.parameters(recurse=False):
                unclaimed = self._unclaimed.pop(id(parameter), None)
                if unclaimed is not None:
                    unclaimed.remove(parameter)
        for unclaimed in list(self._unclaimed.values()):  # of parameters that have left their modules
            unclaimed.remove(None)

    def holders(self) -> list[object]:
        """What has weak references to tensors among its values."""
        return [self._claimed, *self.orphans.values()]

    @property
    def modules(self) -> list[nn.Module]:
        """The outermost modules that exist."""
        modules = list(self._modules)
        inner = {id(child) for module in modules for child in module.children()}
        return [module for module in modules if id(module) not in inner]

    def backwards_that_reached(self, parameter: Tensor) -> int:
        """Number of backward() calls known to have reached a parameter that no optimizer has stepped; -1 if one has."""
        if self._is_claimed(parameter) and id(parameter) not in self._unclaimed:
            return -1
        unclaimed = self._unclaimed.get(id(parameter))
        return len(unclaimed.backwards) if unclaimed is not None else 0

    # Torch's registration hooks; they return None to leave what is registered unchanged.

    @guarded
    def on_module(self, module: nn.Module, name: str, submodule: nn.Module | None) -> None:
        self._modules.setdefault(module)

    @guarded
    def on_parameter(self, module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        self._modules.setdefault(module)
        if parameter is None or is_lazy(parameter) or not parameter.requires_grad or not parameter.is_leaf:
            return
        if id(parameter) not in self._unclaimed and not self._is_claimed(parameter):
            self._unclaimed[id(parameter)] = Unclaimed(parameter, self._backwards)

    # Optimizers

    def claim(self, parameter: Tensor) -> list[Backward]:
        """Record that an optimizer steps this parameter. Return the known backward() calls that have reached it so far."""
        self._claimed[id(parameter)] = weakref.ref(parameter)
        self.orphans.pop(id(parameter), None)
        unclaimed = self._unclaimed.pop(id(parameter), None)
        if unclaimed is None:
            return []
        self.lost = self.lost or unclaimed.lost
        unclaimed.remove(parameter)
        return unclaimed.backwards

    def _is_claimed(self, parameter: Tensor) -> bool:
        claimed = self._claimed.get(id(parameter))
        return claimed is not None and claimed() is parameter

    # Names

    @guarded
    def names(self, frame: FrameType | None) -> dict[int, str]:
        """Map the id of each parameter of a living module to a name: that of its outermost module, and its own name in there.

        The outermost module is named after the variable that holds it in ``frame`` or its callers; without one, after its
        class.
        """
        called = variables(frame, nn.Module)
        found: dict[int, str] = {}
        for parameter, model, name in self._named():
            variable = called.get(id(model), "self")
            found.setdefault(id(parameter), f"{type(model).__name__ if variable == 'self' else variable}.{name}")
        return found

    def _named(self) -> Iterator[tuple[Tensor, nn.Module, str]]:
        for module in self.modules:
            model = _unwrapped(module)
            for name, parameter in model.named_parameters():
                yield parameter, model, name

    # Parameters without an optimizer

    @guarded
    def look_for_orphans(self) -> None:
        """Record the parameters that have received a gradient but belong to no optimizer."""
        for orphan in self.orphans.values():
            orphan.look()
        found = [each for each in self._named() if self._is_orphaned(each[0])]
        if not found:
            return
        held = _held_by_an_optimizer()
        listed = _modules_in_lists(self.modules)
        for parameter, model, name in found:
            if id(parameter) in held:
                self._claimed[id(parameter)] = weakref.ref(parameter)  # its optimizer has not stepped yet
            else:
                owner, place = listed.get(id(model), (type(model).__name__, ""))
                self.orphans[id(parameter)] = Orphan(parameter, owner, f"{place}{name}")

    def _is_orphaned(self, parameter: Tensor) -> bool:
        if not parameter.requires_grad or self._is_claimed(parameter):
            return False
        known = self.orphans.get(id(parameter))
        if known is not None and known.parameter() is parameter:
            return False
        unclaimed = self._unclaimed.get(id(parameter))
        if unclaimed is not None and unclaimed.backwards:
            return True
        return parameter.grad is not None and id(parameter) not in self.earlier


def _modules_in_lists(modules: list[nn.Module]) -> dict[int, tuple[str, str]]:
    """Modules that stand in a plain list or dict of another module's, which torch does not register: whose, and where.

    The place ends in a dot: ``layers[0].``
    """
    found: dict[int, tuple[str, str]] = {}
    for outermost in modules:
        for owner in outermost.modules():
            for attribute, value in list(vars(owner).items()):
                items = enumerate(value) if isinstance(value, (list, tuple)) else value.items() if type(value) is dict else ()
                if attribute.startswith("_"):  # torch's own
                    continue
                for key, item in list(items):
                    if issubclass(type(item), nn.Module):
                        found.setdefault(id(item), (type(owner).__name__, f"{attribute}[{key!r}]."))
    return found


def _unwrapped(module: nn.Module) -> nn.Module:
    """The model inside a wrapper such as DistributedDataParallel or torch.compile's."""
    children = dict(module.named_children())
    while len(children) == 1 and not set(children).isdisjoint(("module", "_orig_mod")):
        (module,) = children.values()
        children = dict(module.named_children())
    return module


def variables(frame: FrameType | None, kind: type[object]) -> dict[int, str]:
    """Map the id of each object of this kind to the variable that holds it in ``frame`` or its callers; the innermost wins.

    Of two in one frame, one that does not begin with an underscore: a notebook's ``_`` holds the value that was last shown.
    """
    found: dict[int, str] = {}
    while frame is not None:
        for names in (locals_of(frame), frame.f_globals):
            for name, value in sorted(names.items(), key=lambda item: str(item[0]).startswith("_")):
                # type(), not isinstance(): asking a proxy for its __class__ may run any code.
                if issubclass(type(value), kind) and id(value) not in found:
                    found[id(value)] = name
        frame = frame.f_back
    return found


def name_of(wanted: object, frame: FrameType | None) -> str:
    """What the innermost user's code at or above ``frame`` calls this object: ``opt``, ``self.opt``; empty if nothing."""
    while frame is not None and not is_users(frame.f_code):
        frame = frame.f_back
    if frame is None:
        return ""
    held = [*locals_of(frame).items(), *list(frame.f_globals.items())]
    for name, value in held:
        if value is wanted and name.isidentifier():
            return name
    for name, value in held:
        if not isinstance(value, (type, ModuleType)):
            for attribute, inner in list(getattr(value, "__dict__", {}).items()):
                if inner is wanted and str(attribute).isidentifier():
                    wraps = callable(getattr(type(value), "zero_grad", None)) and callable(getattr(type(value), "step", None))
                    return name if wraps and name != "self" else f"{name}.{attribute}"
    return ""


def _held_by_an_optimizer() -> set[int]:
    """The ids of all parameters of all existing optimizers."""
    return {
        id(parameter) for each in optimizers() for group in getattr(each, "param_groups", ()) for parameter in group["params"]
    }


def optimizers() -> list[Optimizer]:
    """All existing optimizers. Slow: it looks at every object."""
    return living(Optimizer)
