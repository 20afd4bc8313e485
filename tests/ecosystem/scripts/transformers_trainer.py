"""transformers' Trainer with gradient accumulation. What clears, ``model.zero_grad()``, is written out."""

import tempfile

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

STEPS = 20
SIZE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 50}


class Model(BertForSequenceClassification):
    def zero_grad(self, set_to_none=True):
        super().zero_grad(set_to_none)  # clears


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 8 * 2 * STEPS

    def __getitem__(self, place):
        return {"input_ids": torch.arange(place, place + 6) % 50, "labels": torch.tensor(place % 2)}


torch.manual_seed(0)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        num_train_epochs=1,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    Trainer(Model(BertConfig(**SIZE)), arguments, train_dataset=Data()).train()
