"""layers.py: layers of random networks by PyTorch.

Their names and options are those of Kiln's language; so are random numbers."""
import functools
import inspect

import numpy as np
import torch
import torch.nn.functional as F

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
         "neg max_pool1d end").split()
ROUNDING = [True]                      # are options rounded to f32?


def rounded(v):
    if isinstance(v, (list, tuple)):
        return [rounded(x) for x in v]
    if isinstance(v, dict):
        return {key: rounded(x) for key, x in v.items()}
    return float(np.float32(v)) if isinstance(v, float) and ROUNDING[0] else v


def moved(t, shake):
    """Each element times 1 + at most 2^-24, half a unit in the last place of f32."""
    if shake is None or not t.is_floating_point():
        return t
    bits = torch.from_numpy(shake.uniform(-1, 1, tuple(t.shape)))
    return (t.double() * (1 + bits * 2.0 ** -24)).to(t.dtype)


def mean_of(t, axes, shake):
    """The mean over the last axes; with shake, of a sum whose terms are added one by one,
    each time rounded: rows of equal numbers alike, each row by itself, or as in t's type."""
    y = t.mean(axes, keepdim=True)
    if shake is None:
        return y
    rows = t.detach().double().flatten(t.dim() - len(axes))
    how = shake.integers(3)
    if how == 2:
        total = np.cumsum(rows.to(t.dtype).numpy(), -1)[..., -1]
        error = torch.from_numpy(total).double() - rows.sum(-1)
    else:
        size = tuple(rows.shape[how * (rows.dim() - 1):])
        bits = torch.from_numpy(shake.uniform(-1, 1, size))
        error = (rows.cumsum(-1) * bits).sum(-1) * 2.0 ** -24
    return y + (error / rows.shape[-1]).view(y.shape).to(y.dtype)


def batch_normalised(x, w, b, mean, var, momentum, eps, shake):
    """Training's F.batch_norm, its means by mean_of."""
    rows = x.transpose(0, 1).flatten(1)
    m = mean_of(rows, [1], shake)
    d = moved(rows - m, shake)
    v = mean_of(d.square(), [1], shake)
    y = d * moved(torch.rsqrt(v + eps), shake)
    if w is not None:
        y = y * w[:, None] + b[:, None]
    n = rows.shape[1]
    for state, now in ((mean, m), (var, v * (n / (n - 1)))):
        state.mul_(1 - momentum).add_(momentum * now.detach().flatten())
    return y.view(x.transpose(0, 1).shape).transpose(0, 1)


class Bias(torch.autograd.Function):
    """A bias for each row; its gradient is summed row by row in the element type, where
    equal terms round the same way again and again."""

    @staticmethod
    def forward(ctx, bias, shape):
        return bias.expand(shape)

    @staticmethod
    def backward(ctx, g):
        return torch.from_numpy(np.cumsum(g.flatten(0, -2).numpy(), 0)[-1]), None


def normalised(x, dims, eps, shake):
    """Mean 0 and variance 1 over the last dims."""
    axes = list(range(x.dim() - dims, x.dim()))
    if shake is None:
        return F.layer_norm(x, x.shape[-dims:], eps=eps)
    d = moved(x - mean_of(x, axes, shake), shake)
    return d * moved(torch.rsqrt(mean_of(d.square(), axes, shake) + eps), shake)


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
        self.ends = {}                 # of recurrent layers, by path and state

    def __getattr__(self, name):       # of one input and no option
        f = getattr(torch, name, None) or getattr(F, name)
        return as_layer(lambda layers, path, x: f(x), name).__get__(self)

    def linear(self, p, x, units, bias=True):
        y = F.linear(x, self.params[p + ".weight"])
        if not bias:
            return y
        b = self.params[p + ".bias"]
        return y + (b if self.shake is None else Bias.apply(b, y.shape))

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
        elif self.train and self.shake is not None:
            y = batch_normalised(x, w, b, mean, var, momentum, eps, self.shake)
        else:
            y = F.batch_norm(x, mean, var, w, b, self.train, momentum, eps)
        if self.train:
            self.next_state[p + ".running_mean"] = mean
            self.next_state[p + ".running_var"] = var
        return y

    def layer_norm(self, p, x, dims=1, eps=1e-5, affine=True, bias=True):
        y = normalised(x, dims, eps, self.shake)
        y = y * self.params[p + ".weight"] if affine else y
        return y + self.params[p + ".bias"] if affine and bias else y

    def rms_norm(self, p, x, dims=1, eps=1e-6, affine=True):
        axes = list(range(x.dim() - dims, x.dim()))
        y = x * torch.rsqrt(mean_of(x.square(), axes, self.shake) + eps)
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
