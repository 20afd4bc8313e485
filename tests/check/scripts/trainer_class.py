"""A trainer with hooks for the optimizer, in the style of Lightning."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def training_step(self, batch):
        inputs, targets = batch
        return nn.functional.mse_loss(self.layer(inputs), targets)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)

    def optimizer_zero_grad(self, optimizer):
        optimizer.zero_grad()  # clears

    def optimizer_step(self, optimizer, closure):
        optimizer.step(closure=closure)


class Trainer:
    def fit(self, module, batches):
        optimizer = module.configure_optimizers()
        for batch in batches:

            def closure(batch=batch):
                loss = module.training_step(batch)
                module.optimizer_zero_grad(optimizer)
                loss.backward()
                return loss

            module.optimizer_step(optimizer, closure)


if __name__ == "__main__":
    Trainer().fit(Module(), [(inputs, targets)] * STEPS)

# mypy: ignore-errors
