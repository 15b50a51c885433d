#!/usr/bin/python3
"""torch_nets.py DIR: the networks that `test_nets --write` left in DIR, by PyTorch.

<seed>.py holds a network as calls of the layers in layers.py and sequences.py;
<seed>.safetensors its tensors and what Kiln's oracle made of them, in f64 and in f32. An
error is max|x - ref| / max|ref|.

f64: at most 1e-5, plus ten times what it changes in PyTorch to round all options to f32, or
no more than PyTorch's error in f32 (as below). Kiln's constants are f32 there too, and so is
what is made of them: 1/(1-p), 1-beta, 1/n. Hence max|ref| counts as at least 1e-2 of the
largest of its entry and kind: a gradient that is zero but for rounding has no size of its
own.

f32: at most twice PyTorch's, plus 1e-6. How each result happened to be rounded is chance, and
one run says little where rounding is magnified: a mean of 0.25 taken off values that differ
by 0.004, or 1-o*o of a tanh near 1. So PyTorch's error is the largest of up to 64 runs, of
which all but the first move each input, each layer's result and whatever backward reads
again by up to half a unit in the last place, and each partial sum of a mean that is taken
off or of a bias's gradient: a row of equal numbers has nothing else. Here max|ref| is at
least 1e-4 of the largest."""
import glob
import json
import os
import sys

import numpy as np

from layers import ROUNDING, F, moved, rounded, torch
from sequences import Sequences

DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64,
          "U32": np.uint32, "U64": np.uint64, "U8": np.uint8, "BOOL": np.bool_}


def read_tensors(path):
    with open(path, "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        lo, hi = t["data_offsets"]
        raw = data[8 + size + lo:8 + size + hi]
        out[name] = np.frombuffer(raw, DTYPES[t["dtype"]]).reshape(t["shape"])
    return out


def group(tensors, lead):
    return {k[len(lead):]: v for k, v in tensors.items() if k.startswith(lead)}


# --- a network ---

WORDS = {"true": True, "false": False}
for word in ("same causal none tanh relu constant reflect replicate circular rotary alibi "
             "relative sequence last learned zeros").split():
    WORDS[word] = word


def ctc(x, target, inputs, labels, blank=0, lengths=None):
    n, time = x.shape[:2]
    steps = inputs[lengths].reshape(-1) if lengths else torch.full((n,), time)
    return F.ctc_loss(x.log_softmax(-1).transpose(0, 1), target.clamp(min=0), steps,
                      (target >= 0).sum(1), blank=blank, zero_infinity=True)


def loss_of(kind, x, target, inputs, options):
    options = rounded(options)
    weight = options.pop("weight", 1)
    if kind == "ctc":
        return weight * ctc(x, target.long(), inputs, **options)
    if kind == "cross_entropy":
        x, target = x.reshape(-1, x.shape[-1]), target.long().reshape(-1)
        if (target == options.get("ignore_index", -2)).all():      # PyTorch gives 0/0
            return x.sum() * 0
        return weight * F.cross_entropy(x, target, **options)
    f = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss,
         "binary_cross_entropy": F.binary_cross_entropy_with_logits}[kind]
    return weight * f(x, target, **options)


class Network:
    def __init__(self, base):
        self.file = read_tensors(base + ".safetensors")
        self.source = dict(WORDS)
        with open(base + ".py", encoding="utf-8") as f:
            text = f.read().replace(", p=", ", p_=").replace(", return=", ", return_=")
        exec(compile(text, base + ".py", "exec"), self.source)
        self.entries = {name.split("/")[0] for name in self.file if "/" in name}
        self.trained = set(group(self.file, "grad/f64/grad."))

    def tensors(self, lead, dtype, shake):
        out = {}
        for name, v in group(self.file, lead).items():
            t = torch.tensor(v.astype(np.int64) if v.dtype.kind in "ui" else v)
            if t.is_floating_point():
                t = t.to(dtype)
            out[name] = moved(t, shake)
        return out

    def run(self, dtype, train=False, random=False, shake=None):
        """Outputs, loss, parameters and layers of one run in eval or training mode."""
        inputs = self.tensors("in.", dtype, shake)
        params = self.tensors("param.", dtype, shake)
        for name, t in params.items():
            t.requires_grad_(name in self.trained)
        rng = (self.file["value.rng"], dtype)
        layers = Sequences(params, self.tensors("state.", dtype, shake), rng, train, random, shake)
        out = self.source["net"](layers, inputs)
        losses = self.source["losses"]
        loss = 0
        for kind, of, options in losses:
            label = "target" if len(losses) == 1 else "target." + of
            loss = loss + loss_of(kind, out[of][0], inputs[label], inputs, options)
        return out, loss, params, layers

    def results(self, dtype, shake=None):
        """What Kiln's entries give, by the names in the file; step comes last."""
        got = {}
        for entry, random in (("forward", False), ("sample", True)):
            if entry in self.entries:
                out = self.run(dtype, False, random, shake)[0]
                got.update({f"{entry}/out.{k}": v[1].detach() for k, v in out.items()})
        got["loss/out.loss"] = self.run(dtype, shake=shake)[1].detach()
        hooks = torch.autograd.graph.saved_tensors_hooks
        with hooks(lambda t: moved(t.detach(), shake), lambda t: t):
            _, loss, params, layers = self.run(dtype, True, True, shake)
        got["grad/out.loss"] = got["step/out.loss"] = loss.detach()
        got.update({"grad/state." + k: v for k, v in layers.next_state.items()})
        if loss.requires_grad:
            loss.backward()
        for k in self.trained:
            g = params[k].grad
            got["grad/grad." + k] = (torch.zeros_like(params[k]) if g is None else g.clone())
        self.step(got, params, layers)
        return got

    def step(self, got, params, layers):
        kind, options = self.source["optimizer"]
        used = {k: p for k, p in params.items() if p.grad is not None}
        options = rounded(options)
        options["lr"] = float(self.file["value.lr"])
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        state = dict(layers.state, **layers.next_state)
        if used:
            opt = make[kind](list(used.values()), **options)
            self.load(opt, kind, used, layers.state)
            for bound, clip in (("value", torch.nn.utils.clip_grad_value_),
                                ("norm", torch.nn.utils.clip_grad_norm_)):
                if bound in self.source["clip"]:
                    clip(list(used.values()), rounded(self.source["clip"][bound]))
            opt.step()
            for k, p in used.items():
                for key, v in opt.state[p].items():
                    short = {"momentum_buffer": "momentum"}.get(key, key)
                    if isinstance(v, torch.Tensor):
                        state[f"{k}.{short}"] = v
        for b, beta in zip((1, 2), options.get("betas", (0.9, 0.999))):
            name = f"optimizer.beta{b}_power"
            if name in state:
                state[name] = layers.state[name] * beta
        got.update({"step/param." + k: v.detach() for k, v in params.items()})
        got.update({"step/state." + k: v.detach() for k, v in state.items()})

    @staticmethod
    def load(opt, kind, used, state):
        """Kiln's tensors stand as after two steps; its momentum starts from zeros."""
        for k, p in used.items():
            if kind != "sgd":
                opt.state[p] = {"step": torch.tensor(2.0),
                                "exp_avg": state[k + ".exp_avg"].clone(),
                                "exp_avg_sq": state[k + ".exp_avg_sq"].clone()}
            elif k + ".momentum" in state:
                opt.state[p] = {"momentum_buffer": state[k + ".momentum"].clone()}


# --- comparing ---

def error(x, ref, size):
    """max|x - ref| / size; infinite where only one is finite."""
    x, ref = np.asarray(x, np.float64), np.asarray(ref, np.float64)
    fine = np.isfinite(ref)
    if x.shape != ref.shape or (np.isfinite(x) != fine).any():
        return np.inf
    worst = np.abs(x - ref)[fine].max(initial=0)
    return worst / size if worst > 0 else 0.0


def sizes(ref, part):
    """max|ref| of each tensor, at least this part of the largest of its entry and kind."""
    most, own = {}, {}
    for name, v in ref.items():
        v = np.abs(np.asarray(v, np.float64))
        own[name] = v[np.isfinite(v)].max(initial=0)
        lead = name.split(".")[0]
        most[lead] = max(most.get(lead, 0), own[name])
    return {k: max(v, part * most[k.split(".")[0]], 1e-30) for k, v in own.items()}


def numpy_of(results):
    return {k: v.numpy() for k, v in results.items()}


def kiln_results(net, kind):
    return {k.replace(f"/{kind}/", "/"): v for k, v in net.file.items() if f"/{kind}/" in k}


METRICS = ("/out.accuracy", "/out.mae", "/out.mse")    # compared with the oracle only


class Rounding:
    """PyTorch's errors in f32; more runs are made while they explain too little."""
    RUNS = 64

    def __init__(self, net, ref):
        self.net, self.ref, self.random = net, ref, np.random.default_rng(1)
        self.runs = [numpy_of(net.results(torch.float32))]

    def error(self, name, size, enough):
        """The largest so far of this tensor, after all runs or once it is enough."""
        used = 0
        most = 0.0
        while True:
            for r in self.runs[used:]:
                most = max(most, error(r[name], self.ref[name], size[name]))
            used = len(self.runs)
            if most >= enough or used == self.RUNS:
                return most
            self.runs.append(numpy_of(self.net.results(torch.float32, self.random)))


def check_f64(net, ref, rounding):
    """Lines that say what differs, and the largest error."""
    size, bad, worst = sizes(ref, 1e-2), [], 0.0
    ROUNDING[0] = False
    exact = numpy_of(net.results(torch.float64))
    ROUNDING[0] = True
    for name, v in kiln_results(net, "f64").items():
        if name.endswith(METRICS):
            continue
        if name not in ref:
            bad.append(f"f64: {name}: PyTorch has none")
            continue
        e, change = error(v, ref[name], size[name]), error(exact[name], ref[name], size[name])
        if e <= 1e-5 + 10 * change:
            worst = max(worst, e)
        elif not e <= rounding.error(name, size, e):
            bad.append(f"f64: {name}: error {e:.2e}, that of constants {change:.2e}")
    return bad, worst


def check_f32(net, ref, rounding):
    size, bad = sizes(ref, 1e-4), []
    for name, v in kiln_results(net, "f32").items():
        if name.startswith("step/") or name not in ref:
            continue                   # steps of Adam turn noise into learning rates
        e = error(v, ref[name], size[name])
        own = rounding.error(name, size, (e - 1e-6) / 2)
        if not e <= 2 * own + 1e-6:
            bad.append(f"f32: {name}: error {e:.2e}, PyTorch's {own:.2e}")
    return bad


def check(base):
    """Lines that say what differs, and the largest f64 error."""
    net = Network(base)
    ref = numpy_of(net.results(torch.float64))
    rounding = Rounding(net, ref)
    bad, worst = check_f64(net, ref, rounding)
    return bad or check_f32(net, ref, rounding), worst


def main():
    bases = sorted(glob.glob(os.path.join(sys.argv[1], "*.yaml")))
    torch.set_num_threads(1)
    failed, worst = 0, 0.0
    for base in (b[:-5] for b in bases):
        bad, most = check(base)
        worst = max(worst, most if not bad else 0)
        if bad:
            failed += 1
            print(f"network {os.path.basename(base)} differs from PyTorch's:")
            print("\n".join("  " + line for line in bad[:6]))
            print(f"repeat: KILN_NET={os.path.basename(base)} ctest -R '^nets$'")
    print(f"nets: {len(bases) - failed} of {len(bases)} networks agree with PyTorch "
          f"(f64 error at most {worst:.1e})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
