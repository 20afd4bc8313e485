"""The models that exist when a watch begins in the middle of a session; without it, torch's hooks report every new one.

Existing optimizers need no introduction: they are met at their next step, and judged from there on.
"""

from __future__ import annotations

from torch import nn

from gradtui.check.torch.living import living
from gradtui.check.torch.parameters import Parameters


def meet_models(parameters: Parameters) -> None:
    """Get to know all existing models. Slow: it looks at every object once."""
    for module in living(nn.Module):
        parameters.on_module(module, "", None)
        for name, parameter in list(vars(module).get("_parameters", {}).items()):
            parameters.on_parameter(module, name, parameter)
            if parameter is not None and parameter.grad is not None:
                parameters.earlier.add(id(parameter))
