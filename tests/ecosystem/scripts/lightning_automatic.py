"""Lightning's automatic optimization. What clears is written out, as Lightning has it."""

import lightning
import torch

STEPS = 20


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, index):
        inputs, targets = batch
        return torch.nn.functional.mse_loss(self.layer(inputs), targets)

    def validation_step(self, batch, index):
        self.training_step(batch, index)

    def optimizer_zero_grad(self, epoch, index, optimizer):
        optimizer.zero_grad()  # clears

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


torch.manual_seed(0)
data = torch.utils.data.TensorDataset(torch.randn(8 * STEPS, 4), torch.randn(8 * STEPS, 1))
loader = torch.utils.data.DataLoader(data, batch_size=8)
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
lightning.Trainer(accelerator="cpu", max_epochs=1, gradient_clip_val=1.0, **quiet).fit(Model(), loader, loader)
