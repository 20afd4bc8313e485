"""Lightning's manual optimization, of two optimizers: a GAN."""

import lightning
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

STEPS = 20


class Gan(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = nn.Linear(2, 4), nn.Linear(4, 1)

    def training_step(self, batch, index):
        (real,) = batch
        opt_g, opt_d = self.optimizers()
        fake = self.generator(torch.randn(len(real), 2))
        self.toggle_optimizer(opt_d)
        scores = self.discriminator(torch.cat([real, fake.detach()]))
        loss_d = loss_of(scores, torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)]))
        opt_d.zero_grad()  # clears
        self.manual_backward(loss_d)
        opt_d.step()
        self.untoggle_optimizer(opt_d)
        self.toggle_optimizer(opt_g)
        loss_g = loss_of(self.discriminator(fake), torch.ones(len(real), 1))
        opt_g.zero_grad()  # clears
        self.manual_backward(loss_g)
        opt_g.step()
        self.untoggle_optimizer(opt_g)

    def configure_optimizers(self):
        return torch.optim.Adam(self.generator.parameters(), lr=0.01), torch.optim.Adam(
            self.discriminator.parameters(), lr=0.01
        )


torch.manual_seed(0)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8 * STEPS, 4)), batch_size=8)
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
lightning.Trainer(accelerator="cpu", max_epochs=1, **quiet).fit(Gan(), loader)
