"""All in a function, with a data loader, an evaluation and a scheduler."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 12
torch.manual_seed(0)


def main():
    data = TensorDataset(torch.randn(4 * STEPS, 4), torch.randn(4 * STEPS, 1))
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for epoch in range(2):
        model.train()
        for inputs, targets in DataLoader(data, batch_size=8, shuffle=True):
            optimizer.zero_grad()  # clears
            loss = nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            print(f"epoch {epoch}: {nn.functional.mse_loss(model(data.tensors[0]), data.tensors[1]):.3f}")


if __name__ == "__main__":
    main()

# mypy: ignore-errors
