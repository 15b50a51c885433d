#!/usr/bin/python3
"""torch_nets.py DIR: the networks that `test_nets --write` left in DIR, by PyTorch.

<seed>.py holds a network as calls of the layers below, whose names and options are those
of Kiln's language; <seed>.safetensors its tensors and what Kiln's oracle made of them, in
f64 and in f32. An error is max|x - ref| / max|ref|.

f64: at most 1e-5, plus ten times what it changes in PyTorch to round all options to f32, or
no more than PyTorch's error in f32 (as below). Kiln's constants are f32 there too, and so is
what is made of them: 1/(1-p), 1-beta, 1/n. Hence max|ref| counts as at least 1e-2 of the largest of its entry and kind: a gradient
that is zero but for rounding has no size of its own.

f32: at most twice PyTorch's, plus 1e-6. How each result happened to be rounded is chance, and
one run says little where rounding is magnified: a mean of 0.25 taken off values that differ
by 0.004, or 1-o*o of a tanh near 1. So PyTorch's error is the largest of up to 64 runs, of
which all but the first move each input, each layer's result and whatever backward reads
again by up to half a unit in the last place. Here max|ref| is at least 1e-4 of the
largest."""
import functools
import glob
import inspect
import json
import os
import sys

import numpy as np

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

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


# --- random numbers ---

def philox(counter, key):
    """Philox4x32-10 (Salmon et al., 2011) on arrays of u32 in u64."""
    low = np.uint64(0xffffffff)
    c, k = [x.astype(np.uint64) for x in counter], list(key)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & low,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return c


def fnv(text):
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return h


def uniform(path, rng, count):
    key = fnv(path)
    element = np.arange(count, dtype=np.uint64)
    same = np.ones(count, np.uint64)
    counter = [element // np.uint64(4), same * np.uint64(rng[2]),
               same * np.uint64(key & 0xffffffff), same * np.uint64(key >> 32)]
    words = np.stack(philox(counter, [int(rng[0]), int(rng[1])]))
    word = words[(element % np.uint64(4)).astype(int), np.arange(count)]
    return (word >> np.uint64(8)).astype(np.float64) * 2.0 ** -24


# --- layers ---

def pair(v):
    return tuple(v) if isinstance(v, (list, tuple)) else (v, v)


def ax(axis):
    return axis + 1 if axis >= 0 else axis


def same_padding(kernel, dilation):
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    return [total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2]


# Layers that round nothing.
EXACT = ("flatten reshape transpose slice flip pad concat identity upsample2d embedding "
         "max_pool2d global_max_pool amax amin maximum minimum clamp hardtanh relu abs "
         "neg").split()
ROUNDING = [True]                      # are options rounded to f32?


def rounded(v):
    if isinstance(v, (list, tuple)):
        return [rounded(x) for x in v]
    return float(np.float32(v)) if isinstance(v, float) and ROUNDING[0] else v


def moved(t, shake):
    """Each element times 1 + at most 2^-24, half a unit in the last place of f32."""
    if shake is None or not t.is_floating_point():
        return t
    bits = torch.from_numpy(shake.uniform(-1, 1, tuple(t.shape)))
    return (t.double() * (1 + bits * 2.0 ** -24)).to(t.dtype)


def as_layer(f, name):
    """f with its options, defaults too, as the f32 constants that Kiln has."""
    signature = inspect.signature(f)

    @functools.wraps(f)
    def call(*args, **options):
        bound = signature.bind(*args, **options)
        bound.apply_defaults()
        for key, v in bound.arguments.items():
            bound.arguments[key] = rounded(v)
        y = f(*bound.args, **bound.kwargs)
        return y if name in EXACT else moved(y, args[0].shake)
    return call


def all_as_layers(layers):
    for name, f in list(vars(layers).items()):
        if inspect.isfunction(f) and not name.startswith("__"):
            setattr(layers, name, as_layer(f, name))
    return layers


@all_as_layers
class Layers:
    """Parameters, state and mode of one run; a method for each layer."""

    def __init__(self, params, state, rng, train, random, shake):
        self.params, self.state, self.rng, self.shake = params, state, rng, shake
        self.train, self.random, self.next_state = train, random, {}

    def __getattr__(self, name):       # of one input and no option
        f = getattr(torch, name, None) or getattr(F, name)
        return as_layer(lambda layers, path, x: f(x), name).__get__(self)

    def linear(self, p, x, units, bias=True):
        return F.linear(x, self.params[p + ".weight"],
                        self.params[p + ".bias"] if bias else None)

    def conv2d(self, p, x, filters, kernel, stride=1, dilation=1, padding=0, groups=1,
               bias=True):
        if padding == "same":
            x, padding = F.pad(x, same_padding(pair(kernel), pair(dilation))), 0
        return F.conv2d(x, self.params[p + ".weight"],
                        self.params[p + ".bias"] if bias else None, pair(stride),
                        pair(padding), pair(dilation), groups)

    def embedding(self, p, x, size, dim):
        return F.embedding(x.long(), self.params[p + ".weight"])

    def batch_norm(self, p, x, eps=1e-5, momentum=0.1, affine=True):
        w = self.params[p + ".weight"] if affine else None
        b = self.params[p + ".bias"] if affine else None
        mean = self.state[p + ".running_mean"].clone()
        var = self.state[p + ".running_var"].clone()
        if self.train and x.numel() == x.shape[1]:     # PyTorch refuses a single value
            shape = [1, -1] + [1] * (x.dim() - 2)
            mean = (1 - momentum) * mean + momentum * x.detach().flatten()
            var = (1 - momentum) * var
            y = (x - x) / eps ** 0.5
            y = y * w.view(shape) + b.view(shape) if affine else y
        else:
            y = F.batch_norm(x, mean, var, w, b, self.train, momentum, eps)
        if self.train:
            self.next_state[p + ".running_mean"] = mean
            self.next_state[p + ".running_var"] = var
        return y

    def layer_norm(self, p, x, dims=1, eps=1e-5, affine=True, bias=True):
        return F.layer_norm(x, x.shape[x.dim() - dims:],
                            self.params[p + ".weight"] if affine else None,
                            self.params[p + ".bias"] if affine and bias else None, eps)

    def rms_norm(self, p, x, dims=1, eps=1e-6, affine=True):
        axes = list(range(x.dim() - dims, x.dim()))
        y = x * torch.rsqrt(x.square().mean(axes, keepdim=True) + eps)
        return y * self.params[p + ".weight"] if affine else y

    def standardize(self, p, x, axis=-1):
        mean, std = self.state[p + ".mean"], self.state[p + ".std"]
        shape = [1] * x.dim()
        shape[ax(axis)] = -1
        return (x.to(mean.dtype) - mean.view(shape)) / std.view(shape)

    def scale(self, p, x, mul=1, add=0):
        return x.to(self.rng[1]) * mul + add

    def max_pool2d(self, p, x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
        return F.max_pool2d(x, pair(kernel), pair(stride or kernel), pair(padding),
                            pair(dilation), ceil_mode)

    def avg_pool2d(self, p, x, kernel, stride=None, padding=0, ceil_mode=False,
                   count_include_pad=True):
        return F.avg_pool2d(x, pair(kernel), pair(stride or kernel), pair(padding),
                            ceil_mode, count_include_pad)

    def global_avg_pool(self, p, x):
        return x.flatten(2).mean(2)

    def global_max_pool(self, p, x):
        return x.flatten(2).amax(2)

    def sum(self, p, x, axis, keep=0):
        return x.sum(ax(axis), keepdim=bool(keep))

    def mean(self, p, x, axis, keep=0):
        return x.mean(ax(axis), keepdim=bool(keep))

    def amax(self, p, x, axis, keep=0):
        return x.amax(ax(axis), keepdim=bool(keep))

    def amin(self, p, x, axis, keep=0):
        return x.amin(ax(axis), keepdim=bool(keep))

    def flatten(self, p, x):
        return x.flatten(1)

    def reshape(self, p, x, shape):
        return x.reshape([x.shape[0]] + shape)

    def transpose(self, p, x, dims):
        return x.permute([0] + [d + 1 for d in dims])

    def pad(self, p, x, padding, mode="constant", value=0):
        if mode == "constant":
            return F.pad(x, padding, value=value)
        names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
        for i in range(len(padding) // 2):
            d = x.dim() - 1 - i
            index = np.pad(np.arange(x.shape[d]), padding[2 * i:2 * i + 2], names[mode])
            x = x.index_select(d, torch.from_numpy(index))
        return x

    def slice(self, p, x, axis=0, start=0, stop=None, step=1):
        where = [slice(None)] * x.dim()
        where[ax(axis)] = slice(start, stop, step)
        return x[tuple(where)]

    def upsample2d(self, p, x, fy=2, fx=2):
        return x.repeat_interleave(fy, 2).repeat_interleave(fx, 3)

    def flip(self, p, x, axis=0):
        return x.flip(ax(axis))

    def concat(self, p, *x, axis=0):
        return torch.cat(x, ax(axis))

    def add(self, p, *x):
        return sum(x[1:], x[0])

    def mul(self, p, *x):
        y = x[0]
        for other in x[1:]:
            y = y * other
        return y

    def sub(self, p, x, y):
        return x - y

    def maximum(self, p, x, y):
        return torch.maximum(x, y)

    def minimum(self, p, x, y):
        return torch.minimum(x, y)

    def identity(self, p, x):
        return x

    def dropout(self, p, x, p_=0.5):
        if not self.random or p_ == 0:
            return x
        keep = torch.from_numpy(uniform(p, self.rng[0], x.numel()) >= p_).view(x.shape)
        return torch.where(keep, x * (1 / (1 - p_) if p_ < 1 else 0), torch.zeros_like(x))

    def leaky_relu(self, p, x, negative_slope=0.01):
        return F.leaky_relu(x, negative_slope)

    def elu(self, p, x, alpha=1):
        return F.elu(x, alpha)

    def gelu(self, p, x, approximate="none"):
        return F.gelu(x, approximate=approximate)

    def silu(self, p, x):
        return F.silu(x)

    def softplus(self, p, x, beta=1):
        return F.softplus(x, beta, 100)

    def softmax(self, p, x, axis=-1):
        return x.softmax(ax(axis))

    def log_softmax(self, p, x, axis=-1):
        return x.log_softmax(ax(axis))

    def clamp(self, p, x, lo, hi):
        return x.clamp(lo, hi)

    def hardtanh(self, p, x, lo, hi):
        return F.hardtanh(x, lo, hi)


# --- a network ---

WORDS = {"true": True, "false": False}
for word in "same none tanh constant reflect replicate circular".split():
    WORDS[word] = word


def loss_of(kind, x, target, options):
    options = {k: rounded(v) for k, v in options.items()}
    weight = options.pop("weight", 1)
    if kind == "cross_entropy":
        x, target = x.reshape(-1, x.shape[-1]), target.long().reshape(-1)
        return weight * F.cross_entropy(x, target, **options)
    f = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss,
         "binary_cross_entropy": F.binary_cross_entropy_with_logits}[kind]
    return weight * f(x, target, **options)


class Network:
    def __init__(self, base):
        self.file = read_tensors(base + ".safetensors")
        self.source = dict(WORDS)
        with open(base + ".py", encoding="utf-8") as f:
            text = f.read().replace(", p=", ", p_=")
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
        layers = Layers(params, self.tensors("state.", dtype, shake), rng, train, random, shake)
        out = self.source["net"](layers, inputs)
        losses = self.source["losses"]
        loss = 0
        for kind, of, options in losses:
            label = "target" if len(losses) == 1 else "target." + of
            loss = loss + loss_of(kind, out[of][0], inputs[label], options)
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
        options = {k: rounded(v) for k, v in options.items()}
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
    if torch is None:
        print(f"nets: skipped: {len(bases)} networks (python3-torch is not installed)")
        return 77
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
