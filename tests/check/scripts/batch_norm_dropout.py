"""A convolution net with batch norm and dropout, OneCycle, and label smoothing."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
images, labels = torch.randn(8, 1, 8, 8), torch.randint(0, 3, (8,))
model = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=STEPS)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
for _ in range(STEPS):
    optimizer.zero_grad(set_to_none=False)  # clears
    loss_fn(model(images), labels).backward()
    optimizer.step()
    scheduler.step()

# mypy: ignore-errors
