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


class Attention(nn.Module):
    """Kiln's attention by its definition: shared keys, dims of heads, positions, masks."""

    def __init__(self, o, inputs):
        super().__init__()
        self.o, self.names, heads, kv = o, [i[0] for i in inputs[1:]], o["num_heads"], o["kv_heads"]
        wide = {i[0]: i[1].shape[-1] for i in inputs}
        dim = wide["q"]
        kdim = wide.get("k", dim)
        vdim = wide.get("v", kdim)
        rows = [heads * o["head_dim"], kv * o["head_dim"], kv * o["value_dim"]]
        self.rows = rows
        attn = nn.Module()
        if kdim == dim and vdim == dim:
            attn.in_proj_weight = nn.Parameter(torch.zeros(sum(rows), dim))
        else:
            for name, n, k in zip("qkv", rows, (dim, kdim, vdim)):
                attn.register_parameter(name + "_proj_weight", nn.Parameter(torch.zeros(n, k)))
        if o["bias"]:
            attn.in_proj_bias = nn.Parameter(torch.zeros(sum(rows)))
        attn.out_proj = nn.Linear(heads * o["value_dim"], dim, bias=o["bias"])
        if o.get("position") == "relative":
            attn.relative_bias = nn.Parameter(torch.zeros(heads, 2 * o["distance"] + 1))
        self.attn = attn

    def project(self, xs):
        a = self.attn
        if hasattr(a, "in_proj_weight"):
            weights = a.in_proj_weight.split(self.rows)
        else:
            weights = [a.q_proj_weight, a.k_proj_weight, a.v_proj_weight]
        bias = a.in_proj_bias.split(self.rows) if self.o["bias"] else [0, 0, 0]
        heads = [self.o["num_heads"], self.o["kv_heads"], self.o["kv_heads"]]
        return [(x @ w.T + b).unflatten(-1, (h, -1)).transpose(1, 2)
                for x, w, b, h in zip(xs, weights, bias, heads)]

    def turned(self, x):
        half = x.shape[-1] // 2
        rate = self.o["base"] ** (-torch.arange(half, dtype=x.dtype) / half)
        angle = torch.arange(x.shape[2], dtype=x.dtype)[:, None] * rate
        u, v = x[..., :half], x[..., half:]
        return torch.cat((u * angle.cos() - v * angle.sin(), v * angle.cos() + u * angle.sin()), -1)

    def added(self, s):
        heads, queries, keys = s.shape[1:]
        away = torch.arange(keys)[None] - torch.arange(queries)[:, None]
        if self.o.get("position") == "alibi":
            slope = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=s.dtype) / heads)
            s = s - slope[:, None, None] * away.abs()
        if self.o.get("position") == "relative":
            d = self.o["distance"]
            s = s + self.attn.relative_bias[:, away.clamp(-d, d) + d]
        return s.masked_fill(away > 0, -torch.inf) if self.o["causal"] else s

    def forward(self, q, *rest):
        given = dict(zip(self.names, rest))
        k = given.get("k", q)
        q, k, v = self.project((q, k, given.get("v", k)))
        if self.o.get("position") == "rotary":
            q, k = self.turned(q), self.turned(k)
        k, v = [x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v)]
        s = self.added(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5)
        if "lengths" in given:
            away = torch.arange(s.shape[-1]) >= given["lengths"][:, None, None, None]
            s = s.masked_fill(away, -torch.inf)
        if "mask" in given:
            mask = given["mask"][:, None, None] if self.o["mask_each"] else given["mask"]
            s = s.masked_fill(mask == 0, -torch.inf)
        w = (s - s.amax(-1, keepdim=True).clamp(-1e30).detach()).exp()
        y = w @ v / w.sum(-1, keepdim=True).clamp(1e-30)
        return self.attn.out_proj(y.transpose(1, 2).flatten(-2))


def attention_options(r, **more):
    kv = r.c(1, 2)
    return dict({"num_heads": kv * r.c(1, 2, 3), "kv_heads": kv, "head_dim": 2 * r.d(1, 3),
                 "value_dim": r.d(1, 4), "causal": r.c(False, True), "bias": r.c(True, False)},
                **more)


def grouped_attention(_, r):
    o, n, time, span, dim = attention_options(r), r.d(1, 3), r.d(2, 6), r.d(2, 6), r.d(3, 6)
    kdim, vdim = r.c((dim, dim), (r.d(3, 6), r.d(3, 6)))
    inputs = [("q", r.n(n, time, dim), 1), ("k", r.n(n, span, kdim), 1),
              ("v", r.n(n, span, vdim), 1)]
    if kdim == vdim and r.c(True, False):
        inputs.pop()
    return o, Attention(o, inputs), inputs


def positioned_attention(_, r):
    kind = r.c("rotary", "alibi", "relative")
    o = attention_options(r, position=kind, base=r.c(10000, 50), distance=r.c(1, 2, 7))
    inputs = [("q", r.n(r.d(1, 3), r.d(2, 7), r.d(3, 6)), 1)]
    return o, Attention(o, inputs), inputs


def padded_attention(_, r):
    """Some rows see nothing at all."""
    each = r.c(True, False)
    o = attention_options(r, mask_each=each)
    n, time, dim = r.d(1, 3), r.d(2, 6), r.d(3, 6)
    inputs = [("q", r.n(n, time, dim), 1)]
    shape = {"keys": (time,), "pairs": (time, time), "heads": (o["num_heads"], time, time)}
    mask = r.i(2, *((n,) if each else ()), *shape["keys" if each else r.c(*shape)])
    inputs.append(("mask", mask, 0))
    if r.c(True, False):
        inputs.append(("lengths", r.i(time + 1, n), 0))
    return o, Attention(o, inputs), inputs


MORE = {"grouped_attention": grouped_attention, "positioned_attention": positioned_attention,
        "padded_attention": padded_attention, "packed_lstm": sequence, "packed_gru": sequence, "packed_rnn": sequence,
        "peephole_lstm": peepholes, "custom_cell": custom_cell, "ctc": ctc, "masked_cross_entropy": masked_cross_entropy}


def main():
    spec = importlib.util.spec_from_file_location("make_gradients", sys.argv[1])
    base = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(base)
    base.OPS.clear()
    base.generate(sys.argv[2], 1, 6, onnx=False, extra=MORE)


if __name__ == "__main__":
    main()
