# fault: parameters in no optimizer; right: clean

import torch
from torch import nn

torch.manual_seed(0)


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
        self.layers = nn.ModuleList(self.layers)  # right
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.last(x)


stack = Stack()
adam = torch.optim.Adam(stack.parameters(), lr=1e-3)
for _ in range(24):
    adam.zero_grad()
    stack(torch.randn(8, 4)).pow(2).mean().backward()
    adam.step()

# mypy: ignore-errors
