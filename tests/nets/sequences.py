"""sequences.py: layers of [time, features] by PyTorch.

PyTorch's own recurrent cells and its own attention are used where they have the options;
elsewhere the definition is written in PyTorch's tensors."""
from layers import F, Layers, all_as_layers, torch, uniform


def dropped(layers, path, x, p):
    if not layers.random or p == 0:
        return x
    keep = torch.from_numpy(uniform(path, layers.rng[0], x.numel()) >= p).view(x.shape)
    return torch.where(keep, x * (1 / (1 - p) if p < 1 else 0), torch.zeros_like(x))


# --- recurrent cells ---

def rnn_cell(w, x, h, c, act):
    return act(F.linear(x, *w["ih"]) + F.linear(h, *w["hh"])), c


def lstm_cell(w, x, h, c, act):
    i, f, g, o = (F.linear(x, *w["ih"]) + F.linear(h, *w["hh"])).chunk(4, -1)
    peep = w["peephole"]
    if peep is not None:
        i, f = i + peep[0] * c, f + peep[1] * c
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    if peep is not None:
        o = o + peep[2] * c
    h = o.sigmoid() * c.tanh()
    return (h if w["hr"] is None else F.linear(h, w["hr"])), c


def gru_cell(w, x, h, c, act):
    a, b = F.linear(x, *w["ih"]).chunk(3, -1), F.linear(h, *w["hh"]).chunk(3, -1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h, c


CELLS = {"rnn": rnn_cell, "lstm": lstm_cell, "gru": gru_cell}


def steps(cell, x, h, c, lengths, reverse):
    """All h, the last h and the last c; steps beyond an example's length change nothing."""
    out, time = [None] * x.shape[1], range(x.shape[1])
    for t in reversed(time) if reverse else time:
        h2, c2 = cell(x[:, t], h, c)
        if lengths is None:
            out[t], h, c = h2, h2, c2
            continue
        on = (lengths > t)[:, None]
        out[t] = torch.where(on, h2, torch.zeros_like(h2))
        h, c = torch.where(on, h2, h), torch.where(on, c2, c) if c is not None else None
    return torch.stack(out, 1), h, c


def own_layer(kind, weights, x, h, c, lengths, act):
    ys, hs, cs = [], [], []
    for d, w in enumerate(weights):
        def cell(x, h, c, w=w):
            return CELLS[kind](w, x, h, c, act)
        y, h1, c1 = steps(cell, x, h[d], None if c is None else c[d], lengths, d == 1)
        ys.append(y), hs.append(h1), cs.append(c1)
    return torch.cat(ys, -1), hs, cs


def torch_layer(kind, weights, x, h, c, lengths, act):
    """One layer by what nn.LSTM, nn.GRU and nn.RNN call."""
    bias = weights[0]["ih"][1] is not None
    flat = [t for w in weights
            for t in [w["ih"][0], w["hh"][0], w["ih"][1], w["hh"][1], w["hr"]] if t is not None]
    name = "rnn_relu" if act is torch.relu else "rnn_tanh"
    f = getattr(torch._VF, kind if kind != "rnn" else name)
    rest = (flat, bias, 1, 0.0, False, len(weights) == 2)
    h, c = torch.stack(h), None if c is None else torch.stack(c)
    if lengths is None:
        out = f(x, h if c is None else (h, c), *rest, True)
    else:
        pack = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, True, False)
        order, back = pack.sorted_indices, pack.unsorted_indices
        start = h[:, order] if c is None else (h[:, order], c[:, order])
        out = f(pack.data, pack.batch_sizes, start, *rest)
        again = torch.nn.utils.rnn.PackedSequence(out[0], pack.batch_sizes, order, back)
        y = torch.nn.utils.rnn.pad_packed_sequence(again, True, total_length=x.shape[1])[0]
        out = [y] + [t[:, back] for t in out[1:]]
    return out[0], list(out[1]), list(out[2]) if c is not None else [None] * len(weights)


def weights_of(params, p, suffix):
    def get(key):
        return params.get(f"{p}.{key}_{suffix}")
    return {"ih": (get("weight_ih"), get("bias_ih")), "hh": (get("weight_hh"), get("bias_hh")),
            "hr": get("weight_hr"), "peephole": get("weight_peephole")}


def start_of(layers, p, key, given, learned, x, all_, size):
    """[layers*directions] times [n, size]."""
    n = x.shape[0]
    if learned:
        given = layers.params[f"{p}.{key}"].expand(n, all_, size)
    if given is None:
        given = x.new_zeros(n, all_, size)
    return list(given.reshape(n, all_, size).transpose(0, 1))


def recurrent(M, p, kind, x, h0, c0, units, return_="sequence", bias=True, layers=1,
              bidirectional=False, dropout=0, lengths=None, start="zeros",
              nonlinearity="tanh", projection=0, peepholes=False):
    ways = 2 if bidirectional else 1
    learned, act = start == "learned", torch.relu if nonlinearity == "relu" else torch.tanh
    h = start_of(M, p, "h0", h0, learned, x, layers * ways, projection or units)
    c = [None] * len(h)
    if kind == "lstm":
        c = start_of(M, p, "c0", c0, learned, x, layers * ways, units)
    if lengths is not None:
        lengths = lengths.reshape(-1)
    torchs = not peepholes and (lengths is None or int(lengths.min()) > 0)
    one_layer = torch_layer if torchs else own_layer
    end_h, end_c = [], []
    for i in range(layers):
        names = [f"l{i}", f"l{i}_reverse"][:ways]
        weights = [weights_of(M.params, p, name) for name in names]
        part = slice(i * ways, i * ways + ways)
        c_part = c[part] if kind == "lstm" else None
        x, last, memory = one_layer(kind, weights, x, h[part], c_part, lengths, act)
        end_h, end_c = end_h + last, end_c + memory
        if i + 1 < layers:
            x = dropped(M, f"{p}.l{i}", x, dropout)
    for key, end in (("h", end_h), ("c", end_c)):
        if end[0] is not None:
            M.ends[p, key] = torch.stack(end, 1) if len(end) > 1 else end[0]
    return torch.cat(end_h[-ways:], -1) if return_ == "last" else x


# --- attention ---

def turned(x, base):
    """Rotary places: elements e and e + half of [n, time, .., e]."""
    half = x.shape[-1] // 2
    place = torch.arange(x.shape[1], dtype=x.dtype)
    angle = place[:, None] / base ** (torch.arange(half, dtype=x.dtype) / half)
    angle = angle.view([len(place)] + [1] * (x.dim() - 3) + [half])
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def apart(q, k):
    """How far key j stands behind query i."""
    return torch.arange(k)[None] - torch.arange(q)[:, None]


def biased(layers, p, s, position, distance):
    """s: [n, heads, queries, keys]."""
    heads, far = s.shape[1], apart(*s.shape[2:])
    if position == "alibi":
        fall = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=s.dtype) / heads)
        return s - fall[:, None, None] * far.abs()
    if position == "relative":
        most = s.shape[3] - 1 if distance is None else distance
        return s + layers.params[p + ".relative_bias"][:, far.clamp(-most, most) + most]
    return s


def seen(s, causal, mask, lengths):
    """Scores with the real mask added, and which keys are seen."""
    see = torch.ones_like(s, dtype=torch.bool)
    if mask is not None:               # [n, keys], [n, queries, keys], [n, heads, ..]
        mask = mask.view(mask.shape[:1] + (1,) * (4 - mask.dim()) + mask.shape[1:])
        if mask.is_floating_point():
            s = s + mask
        else:
            see = see & (mask != 0)
    if lengths is not None:
        see = see & (torch.arange(s.shape[3]) < lengths.reshape(-1, 1, 1, 1))
    if causal:
        see = see & (apart(*s.shape[2:]) <= 0)
    return s, see


def attend(layers, p, q, k, v, heads, kv_heads=None, head_dim=None, value_dim=None,
           causal=False, mask=None, lengths=None, dropout=0, scale=None, position="none",
           base=10000, distance=None):
    kv = kv_heads or heads
    q, k, v = (t.reshape(t.shape[0], t.shape[1], m, -1) for t, m in ((q, heads), (k, kv), (v, kv)))
    if position == "rotary":
        q, k = turned(q, base), turned(k, base)
    k, v = (t.repeat_interleave(heads // kv, 2) for t in (k, v))
    s = torch.einsum("nihe,njhe->nhij", q, k) * (scale or q.shape[-1] ** -0.5)
    s, see = seen(biased(layers, p, s, position, distance), causal, mask, lengths)
    some = see.any(-1, keepdim=True)
    w = s.masked_fill(~see & some, -torch.inf).softmax(-1).masked_fill(~some, 0)
    w = dropped(layers, p, w, dropout)
    return torch.einsum("nhij,njhe->nihe", w, v).flatten(2)


def torchs_attention(layers, p, x, key, value, heads, causal):
    """nn.MultiheadAttention's function."""
    get = layers.params.get
    part = [get(f"{p}.{t}_proj_weight") for t in "qkv"]
    q, k, v = (t.transpose(0, 1) for t in (x, key, value))
    mask = apart(x.shape[1], key.shape[1]) > 0 if causal else None
    y, _ = F.multi_head_attention_forward(
        q, k, v, x.shape[2], heads, get(p + ".in_proj_weight"), get(p + ".in_proj_bias"),
        None, None, False, 0.0, get(p + ".out_proj.weight"), get(p + ".out_proj.bias"),
        need_weights=False, attn_mask=mask, use_separate_proj_weight=part[0] is not None,
        q_proj_weight=part[0], k_proj_weight=part[1], v_proj_weight=part[2])
    return y.transpose(0, 1)


def projected(layers, p, inputs, rows):
    params = layers.params
    if p + ".in_proj_weight" in params:
        weights = params[p + ".in_proj_weight"].split(rows)
    else:
        weights = [params[f"{p}.{t}_proj_weight"] for t in "qkv"]
    bias = params.get(p + ".in_proj_bias")
    biases = [None] * 3 if bias is None else bias.split(rows)
    return [F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases)]


# --- layers ---

@all_as_layers
class Sequences(Layers):
    """And the layers of sequences."""

    def rnn(self, p, x, h0=None, **options):
        return recurrent(self, p, "rnn", x, h0, None, **options)

    def lstm(self, p, x, h0=None, c0=None, **options):
        return recurrent(self, p, "lstm", x, h0, c0, **options)

    def gru(self, p, x, h0=None, **options):
        return recurrent(self, p, "gru", x, h0, None, **options)

    def end(self, p, state):
        return self.ends[p, state]

    def gated(self, p, x, units, reverse, learned, return_, lengths):
        """A minimal gated unit, as a scan of one's own."""
        params, n = self.params, x.shape[0]

        def cell(x, h, c):
            w = {k: (params[f"{p}.{k}.weight"], params[f"{p}.{k}.bias"])
                 for k in ("forget", "new")}
            f = F.linear(torch.cat([x, h], -1), *w["forget"]).sigmoid()
            new = F.linear(torch.cat([x, f * h], -1), *w["new"]).tanh()
            return h + f * (new - h), c
        h = params[p + ".h0"].expand(n, units) if learned else x.new_zeros(n, units)
        lengths = None if lengths is None else lengths.reshape(-1)
        y, h, _ = steps(cell, x, h, None, lengths, reverse)
        end = y[:, 0 if reverse else -1]
        return end if return_ == "last" else y

    def attention(self, p, x, key=None, value=None, bias=True, **options):
        key = x if key is None else key
        value = key if value is None else value
        heads = options["heads"]
        simple = set(options) <= {"heads", "causal"}
        if simple and "mask" not in options:
            return torchs_attention(self, p, x, key, value, heads, options.get("causal"))
        kv = options.get("kv_heads", heads)
        dim = options.get("head_dim", x.shape[-1] // heads)
        rows = [heads * dim, kv * dim, kv * options.get("value_dim", dim)]
        q, k, v = projected(self, p, (x, key, value), rows)
        y = attend(self, p, q, k, v, **options)
        return F.linear(y, self.params[p + ".out_proj.weight"],
                        self.params.get(p + ".out_proj.bias"))

    def dot_product_attention(self, p, x, key=None, value=None, **options):
        key = x if key is None else key
        return attend(self, p, x, key, key if value is None else value, **options)

    def position(self, p, x, learned=None, sinusoidal=None):
        time, dim = x.shape[1:]
        if learned is not None:
            return x + self.params[p + ".weight"][:time]
        e = torch.arange(dim)
        angle = torch.arange(time, dtype=x.dtype)[:, None] / sinusoidal ** ((e - e % 2) / dim)
        return x + torch.where(e % 2 == 0, angle.sin(), angle.cos())

    def conv1d(self, p, x, filters, kernel, stride=1, padding=0, dilation=1, groups=1,
               bias=True):
        if padding in ("same", "causal"):
            total = dilation * (kernel - 1)
            left = total if padding == "causal" else total // 2
            x, padding = F.pad(x, (left, total - left)), 0
        return F.conv1d(x, self.params[p + ".weight"],
                        self.params[p + ".bias"] if bias else None, stride, padding, dilation,
                        groups)

    def max_pool1d(self, p, x, kernel, stride=None, padding=0, dilation=1):
        return F.max_pool1d(x, kernel, stride or kernel, padding, dilation)

    def avg_pool1d(self, p, x, kernel, stride=None, padding=0, count_include_pad=True):
        return F.avg_pool1d(x, kernel, stride or kernel, padding, False, count_include_pad)

    def group_norm(self, p, x, groups, eps=1e-5, affine=True):
        return F.group_norm(x, groups, self.params[p + ".weight"] if affine else None,
                            self.params[p + ".bias"] if affine else None, eps)
