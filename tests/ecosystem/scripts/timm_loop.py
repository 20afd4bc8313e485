"""A timm model and a timm optimizer, in the loop of timm's train.py."""

import timm
import timm.optim
import timm.utils
import torch

STEPS = 8
torch.manual_seed(0)
model = timm.create_model("resnet10t", num_classes=2)
optimizer = timm.optim.create_optimizer_v2(model, opt="lamb", lr=0.001, weight_decay=0.01)
average = timm.utils.ModelEmaV3(model, decay=0.9)
for step in range(STEPS):
    loss = torch.nn.functional.cross_entropy(model(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 0, 1]))
    optimizer.zero_grad()  # clears
    loss.backward()
    timm.utils.dispatch_clip_grad(model.parameters(), value=1.0)
    optimizer.step()
    average.update(model, step=step)
