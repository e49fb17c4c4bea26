"""Loads the models that `cargo run --example weights -- write <folder>` wrote into torch.nn modules, compares their logits,
trains each a few steps and writes it back for `-- check <folder>`."""
import pathlib
import sys

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

TOLERANCE = 1e-5
CELLS = {"RNN": (nn.RNN, {}), "RNN (ReLU)": (nn.RNN, {"nonlinearity": "relu"}), "LSTM": (nn.LSTM, {}), "GRU": (nn.GRU, {})}


class LanguageModel(nn.Module):
    """The module a PyTorch user would write."""

    def __init__(self, cell, layers, vocabulary, embedding, hidden):
        super().__init__()
        kind, options = CELLS[cell]
        if embedding:
            self.embed = nn.Embedding(vocabulary, embedding)
        self.vocabulary = vocabulary
        self.rnn = kind(embedding or vocabulary, hidden, num_layers=layers, **options)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, tokens):
        x = self.embed(tokens) if hasattr(self, "embed") else F.one_hot(tokens, self.vocabulary).float()
        return self.out(self.rnn(x)[0])


def model_of(path):
    """A module of the sizes that the file has."""
    state = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as file:
        cell = file.metadata()["cell"]
    vocabulary, hidden = state["out.weight"].shape
    layers = sum(name.startswith("rnn.weight_hh") for name in state)
    embedding = state["embed.weight"].shape[1] if "embed.weight" in state else None
    model = LanguageModel(cell, layers, vocabulary, embedding, hidden)
    model.load_state_dict(state, strict=True)
    return model


def main(folder):
    worst = 0.0
    names = sorted(path.name.removesuffix(".here.safetensors") for path in folder.glob("*.here.safetensors"))
    assert names, f"no models in {folder}"
    for name in names:
        here = safetensors.torch.load_file(folder / f"{name}.here.safetensors")
        tokens = here["tokens"].long()
        model = model_of(folder / f"{name}.safetensors")
        logits = model(tokens).detach()
        off = ((logits - here["logits"]).abs().max() / logits.abs().max()).item()
        worst = max(worst, off)
        assert off <= TOLERANCE, f"{name}: {off}"
        optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(5):
            optimiser.zero_grad()
            F.cross_entropy(model(tokens[:-1]).flatten(0, 1), tokens[1:].flatten()).backward()
            optimiser.step()
        safetensors.torch.save_file(model.state_dict(), folder / f"{name}.back.safetensors")
        safetensors.torch.save_file({"logits": model(tokens).detach().contiguous()}, folder / f"{name}.torch.safetensors")
        print(f"{name}: {len(model.state_dict())} tensors, logits {off:.1e} from ours")
    print(f"{len(names)} models, worst {worst:.1e}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
