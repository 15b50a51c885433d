#!/usr/bin/python3
"""more.py MAKE OUT: cases that the references do not have, by their own generator.

MAKE is the path of make_gradients.py, whose form of cases this writes."""
import importlib.util
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Sequence(nn.Module):
    """A recurrent layer of PyTorch with what Kiln's has beside it."""

    def __init__(self, kind, last=False, learned=False, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(batch_first=True, **options)
        self.last = last
        lines = self.rnn.num_layers * (1 + self.rnn.bidirectional)
        if learned:
            sizes = [self.rnn.proj_size or self.rnn.hidden_size, self.rnn.hidden_size]
            for name, size in list(zip("hc", sizes))[:1 + (kind == "LSTM")]:
                self.rnn.register_parameter(name + "0", nn.Parameter(torch.zeros(lines, size)))
        self.learned = learned

    def forward(self, x, lengths, *start):
        if self.learned:
            names = [n for n in ("h0", "c0") if hasattr(self.rnn, n)]
            start = [getattr(self.rnn, n).unsqueeze(1).expand(-1, len(x), -1).contiguous()
                     for n in names]
        state = (start[0] if len(start) == 1 else tuple(start)) if len(start) else None
        packed = pack_padded_sequence(x, lengths.long(), batch_first=True, enforce_sorted=False)
        y, end = self.rnn(packed, state)
        y = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        end = end if isinstance(end, tuple) else (end,)
        if self.last:
            h = end[0]
            y = torch.cat((h[-2], h[-1]), 1) if self.rnn.bidirectional else h[-1]
        return (y,) + end


def sequence(name, r):
    kind = name.split("_")[1].upper()
    options = {"input_size": r.d(2, 6), "hidden_size": r.d(3, 6), "num_layers": r.c(1, 2, 3),
               "bidirectional": r.c(False, True), "bias": r.c(True, False),
               "last": r.c(False, True)}
    if kind == "LSTM":
        options["proj_size"] = r.c(0, 1, 2)
    if kind == "RNN":
        options["nonlinearity"] = r.c("tanh", "relu")
    start = r.c("zeros", "given", "learned")
    options["learned"] = start == "learned"
    n, time = r.d(1, 4), r.d(2, 6)
    lengths = r.i(time, n) + 1
    inputs = [("x", r.n(n, time, options["input_size"]), 1), ("lengths", lengths, 0)]
    lines = options["num_layers"] * (1 + options["bidirectional"])
    if start == "given":
        h = options.get("proj_size") or options["hidden_size"]
        inputs.append(("h0", r.n(lines, n, h), 1))
        if kind == "LSTM":
            inputs.append(("c0", r.n(lines, n, options["hidden_size"]), 1))
    return options, Sequence(kind, **options), inputs


class Peepholes(nn.Module):
    """Gers and Schmidhuber's: gates see the memory through weights of their own."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.rnn.register_parameter("weight_peephole_l0",
                                    nn.Parameter(torch.zeros(3, hidden_size)))

    def forward(self, x):
        w = self.rnn
        h = c = x.new_zeros(len(x), w.hidden_size)
        out = []
        for t in range(x.shape[1]):
            s = x[:, t] @ w.weight_ih_l0.T + h @ w.weight_hh_l0.T + w.bias_ih_l0 + w.bias_hh_l0
            i, f, g, o = s.chunk(4, 1)
            i = torch.sigmoid(i + w.weight_peephole_l0[0] * c)
            f = torch.sigmoid(f + w.weight_peephole_l0[1] * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + w.weight_peephole_l0[2] * c) * torch.tanh(c)
            out.append(h)
        return torch.stack(out, 1), h[None], c[None]


def peepholes(_, r):
    options = {"input_size": r.d(2, 6), "hidden_size": r.d(2, 6)}
    x = r.n(r.d(1, 4), r.d(2, 6), options["input_size"])
    return dict(options, peepholes=True), Peepholes(**options), [("x", x, 1)]


class Cell(nn.Module):
    """A cell that Kiln has no layer for: a minimal gated unit, and a sum of what it saw."""

    def __init__(self, features, units, last, reverse, start, masked):
        super().__init__()
        self.last, self.reverse, self.masked = last, reverse, masked
        self.cell = nn.Module()
        self.cell.forget = nn.Linear(features + units, units)
        self.cell.new = nn.Linear(features + units, units, bias=False)
        if start == "learned":
            self.cell.h0 = nn.Parameter(torch.zeros(units))

    def forward(self, x, lengths, *start):
        h = start[0] if start else x.new_zeros(len(x), self.cell.forget.out_features)
        h = self.cell.h0.expand(len(x), -1) if hasattr(self.cell, "h0") else h
        y, total = torch.zeros_like(h), torch.zeros_like(h)
        out, steps = {}, list(range(x.shape[1]))
        for t in reversed(steps) if self.reverse else steps:
            valid = (t < lengths).unsqueeze(1) | (not self.masked)
            f = torch.sigmoid(self.cell.forget(torch.cat((x[:, t], h), 1)))
            new = torch.tanh(self.cell.new(torch.cat((x[:, t], f * h), 1)))
            h = torch.where(valid, h + f * (new - h), h)
            total = torch.where(valid, total + h, total)
            step = h * total
            y = torch.where(valid, step, y)
            out[t] = torch.where(valid, step, torch.zeros_like(step))
        return (y if self.last else torch.stack([out[t] for t in steps], 1)), h, total


def custom_cell(_, r):
    n, time = r.d(1, 4), r.d(2, 6)
    options = {"features": r.d(2, 5), "units": r.d(2, 5), "last": r.c(False, True),
               "reverse": r.c(False, True), "start": r.c("zeros", "given", "learned"),
               "masked": r.c(False, True)}
    inputs = [("x", r.n(n, time, options["features"]), 1), ("lengths", r.i(time + 1, n), 0)]
    if options["start"] == "given":
        inputs.append(("h0", r.n(n, options["units"]), 1))
    return options, Cell(**options), inputs


class Labelling(nn.Module):
    """Cross entropy of a class for each step."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, x, target):
        classes = x.shape[-1]
        return nn.functional.cross_entropy(x.reshape(-1, classes), target.long().reshape(-1),
                                           **self.options)


def masked_cross_entropy(_, r):
    n, time, classes = r.d(1, 4), r.d(2, 6), r.d(2, 5)
    options = {"ignore_index": r.c(-1, 0, classes), "label_smoothing": r.c(0.0, 0.2)}
    target = r.i(classes, n, time)
    target = torch.where(r.b(n, time), target, torch.full_like(target, options["ignore_index"]))
    target[0, 0] = 1
    return options, Labelling(**options), [("x", r.n(n, time, classes), 1), ("target", target, 0)]


class Ctc(nn.Module):
    """Labels end with -1; an example whose labels do not fit counts as 0."""

    def __init__(self, labels, blank, masked):
        super().__init__()
        self.blank, self.masked = blank, masked

    def forward(self, x, lengths, target):
        if not self.masked:
            lengths = torch.full_like(lengths, x.shape[1])
        return nn.functional.ctc_loss(x.log_softmax(2).transpose(0, 1), target.clamp(min=0).long(),
                                      lengths.long(), (target >= 0).sum(1), blank=self.blank,
                                      zero_infinity=True)


def ctc(_, r):
    n, time, classes, labels = r.d(1, 4), r.d(2, 12), r.d(3, 6), r.d(1, 5)
    options = {"labels": labels, "blank": r.c(0, classes - 1), "masked": r.c(False, True)}
    target = r.i(classes - 1, n, labels) + (options["blank"] == 0)
    for row in target:
        row[r.d(1, labels):] = -1
    inputs = [("x", r.n(n, time, classes), 1), ("lengths", r.i(time, n) + 1, 0),
              ("target", target, 0)]
    return options, Ctc(**options), inputs


MORE = {"packed_lstm": sequence, "packed_gru": sequence, "packed_rnn": sequence,
        "peephole_lstm": peepholes, "custom_cell": custom_cell, "ctc": ctc, "masked_cross_entropy": masked_cross_entropy}


def main():
    spec = importlib.util.spec_from_file_location("make_gradients", sys.argv[1])
    base = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(base)
    base.OPS.clear()
    base.generate(sys.argv[2], 1, 6, onnx=False, extra=MORE)


if __name__ == "__main__":
    main()
