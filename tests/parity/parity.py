#!/usr/bin/python3
"""parity.py [REGEX]: losses of training steps beside PyTorch's.

A row is a network: its YAML, the module, its data. Both start from the module's weights and
see the same batches; each of the 100 losses must be within 1e-4 of PyTorch's, relatively."""
import re
import sys

import numpy as np
import torch
from torch import nn

import libkiln

STEPS, TOLERANCE = 100, 1e-4


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 32, num_layers=2, batch_first=True)
        self.linear = nn.Linear(32, 6)

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


LSTM = """kiln: 1
model:
  inputs: {x: [24, 4]}
  layers:
    - lstm: {units: 32, layers: 2, return: last}
    - linear: 6
train: {loss: mse, optimizer: {adam: {lr: 1e-3}}, clip: {norm: 1.0}}
"""


def waves(random, n):
    """Noisy waves of four features, and how the first goes on."""
    at = random.uniform(0, 10, (n, 1, 1)) + np.arange(30).reshape(1, -1, 1) / 4
    x = np.sin(at * np.array([1, 0.5, 2, 0.25])) + random.normal(0, 0.05, (n, 30, 4))
    return {"x": x[:, :24].astype(np.float32), "target": x[:, 24:, 0].astype(np.float32)}


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.layer_norm, self.layer_norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.linear, self.linear_2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        y, t = self.layer_norm(x), x.shape[1]
        later = torch.full((t, t), -torch.inf).triu(1)
        x = x + self.attention(y, y, y, attn_mask=later, need_weights=False)[0]
        return x + self.linear_2(nn.functional.gelu(self.linear(self.layer_norm_2(x))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.position = nn.Embedding(20, 48), nn.Embedding(16, 48)
        nn.init.normal_(self.wte.weight, std=0.1)
        nn.init.normal_(self.position.weight, std=0.1)
        self.repeat = nn.Sequential(Block(48, 4), Block(48, 4))
        self.layer_norm = nn.LayerNorm(48)

    def forward(self, tokens):
        x = self.repeat(self.wte(tokens) + self.position.weight)
        return self.layer_norm(x) @ self.wte.weight.T


GPT = """kiln: 1
let: {d: 48, ctx: 16, vocab: 20}
model:
  inputs: {tokens: {shape: [ctx], dtype: i32}}
  layers:
    - embedding: {size: vocab, dim: d, name: wte}
    - position: {learned: ctx}
    - repeat:
        times: 2
        layers:
          - residual: [layer_norm, attention: {heads: 4, causal: true}]
          - residual: [layer_norm, linear: 4*d, gelu, linear: d]
    - layer_norm
    - linear: {units: vocab, weights: wte, bias: false}
train: {loss: cross_entropy, optimizer: {adamw: {lr: 3e-3, weight_decay: 0.1}}, clip: {norm: 1.0}}
"""


def walks(random, n):
    """Tokens that go on by 1, 2 or 3."""
    steps = random.integers(1, 4, (n, 17))
    text = (random.integers(0, 20, (n, 1)) + steps.cumsum(1)).astype(np.int32) % 20
    return {"tokens": text[:, :-1].copy(), "target": text[:, 1:].copy()}


def each_token(y, target):
    return nn.functional.cross_entropy(y.flatten(0, 1), target.long().flatten())


# name: YAML, module, batches of data, loss, optimizer, norm of gradients
ROWS = {
    "lstm": (LSTM, Lstm, waves, nn.functional.mse_loss,
             lambda p: torch.optim.Adam(p, lr=1e-3), 1.0),
    "gpt": (GPT, Gpt, walks, each_token,
            lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=0.1), 1.0),
}


def check(name, batch=32):
    text, make, data, loss_of, optimizer, norm = ROWS[name]
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    module, model = make(), libkiln.Model(text, batch)
    weights = model.weights()
    for key, p in module.named_parameters():
        weights[key][...] = p.detach().numpy()
    opt = optimizer(module.parameters())
    worst, first, last = 0.0, 0.0, 0.0
    for step in range(STEPS):
        examples = data(random, batch)
        got = float(model.run("step", examples)["loss"])
        tensors = {k: torch.from_numpy(v) for k, v in examples.items()}
        target = tensors.pop("target")
        opt.zero_grad()
        loss = loss_of(module(*tensors.values()), target)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), norm)
        opt.step()
        last = loss.item()
        first = first or last
        worst = max(worst, abs(got - last) / abs(last))
    model.close()
    good = worst <= TOLERANCE and last < first
    print(f"{'' if good else 'FAIL '}{name}: {STEPS} steps, loss {first:.4f} to {last:.4f}, "
          f"at most {worst:.1e} from PyTorch's")
    return good


def main():
    torch.set_num_threads(1)
    names = [n for n in ROWS if re.search(sys.argv[1] if len(sys.argv) > 1 else ".", n)]
    return 0 if all([check(n) for n in names]) else 1


if __name__ == "__main__":
    sys.exit(main())
