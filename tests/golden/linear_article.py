# The second article's first program, as printed: a loop with zero_grad(), then one without.
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(42)
if torch.cuda.is_available():
    torch.cuda.manual_seed_all(42)
model_with_zero_grad = nn.Linear(2, 1)
model_without_zero_grad = nn.Linear(2, 1)
data, target = torch.tensor([1.0, 2.0]), torch.tensor([1.0])
epochs = 20
learning_rate = 0.1
criterion = nn.MSELoss()
optimizer_with_zero_grad = optim.SGD(model_with_zero_grad.parameters(), lr=learning_rate)
optimizer_without_zero_grad = optim.SGD(model_without_zero_grad.parameters(), lr=learning_rate)
losses_with_zero_grad = []
losses_without_zero_grad = []
for epoch in range(epochs):
    optimizer_with_zero_grad.zero_grad()
    output = model_with_zero_grad(data)
    loss = criterion(output, target)
    loss.backward()
    optimizer_with_zero_grad.step()
    losses_with_zero_grad.append(loss.item())
    print(f"Epoch {epoch + 1} (With zero_grad): Loss = {loss.item()}")
for epoch in range(epochs):
    output = model_without_zero_grad(data)
    loss = criterion(output, target)
    loss.backward()
    optimizer_without_zero_grad.step()
    losses_without_zero_grad.append(loss.item())
    print(f"Epoch {epoch + 1} (Without zero_grad): Loss = {loss.item()}")
print(f"losses_with_zero_grad: {losses_with_zero_grad}")
print(f"losses_without_zero_grad: {losses_without_zero_grad}")
