#!/usr/bin/python3
"""gradients.py CASES [REGEX]: the cases in a folder, each as a model that `kiln run` runs.

A row says how an operator of the references is written in Kiln's language: a function from
a case to a Model. Results must be within the case's own tolerances, on every backend."""
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

BACKENDS = ("interp", "jit", "c")


class Case:
    def __init__(self, folder):
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as f:
            self.info = json.load(f)
        self.name, self.attrs = self.info["name"], self.info["attrs"]
        self.tolerance = self.info["tolerance"]
        with np.load(os.path.join(folder, "data.npz")) as f:
            self.data = dict(f)

    def inputs(self):
        return {t["name"]: t for t in self.info["inputs"]}


class Model:
    """inputs: those of the case, with the batch in front; layers: YAML; outputs: tensors of
    the model in the case's order; axes: where the batch is in a tensor of the case ("x",
    "out.0"), 0 if it is not said; flat: tensors whose dim behind the batch is left out;
    loss: YAML of a loss, which then is the case's output, of the input `target`; shared:
    inputs without a batch; single: all tensors are without one, and get a batch of 1; layer:
    what the case's parameters belong to, where it does not say so."""

    def __init__(self, case, layers, outputs=(), axes=None, flat=(), loss=None, shared=(),
                 single=False, layer=None):
        self.layers, self.outputs, self.axes, self.flat = layers, outputs, axes or {}, flat
        self.loss, self.shared, self.single = loss, shared, single
        self.prefix = layer + "." if layer else ""
        self.arrays = {n: self.batch_first(n, case.data["in." + n]) for n in case.inputs()}

    def batch_first(self, name, array):
        if name in self.shared:
            return array
        if self.single:
            return array[None]
        array = np.moveaxis(array, self.axes.get(name, 0), 0)
        return array.squeeze(1) if name in self.flat else array

    def as_in_case(self, name, array):
        if name in self.shared:
            return array
        if self.single:
            return array[0]
        array = np.expand_dims(array, 1) if name in self.flat else array
        return np.moveaxis(array, 0, self.axes.get(name, 0))

    def input_text(self, name, array):
        own = name not in self.shared
        return (f"    {name}: {{shape: {list(array.shape[own:])}, dtype: {dtype(array)}, "
                f"batch: {json.dumps(own)}}}")

    def text(self):
        shapes = "\n".join(self.input_text(n, a) for n, a in self.arrays.items()
                           if n != "target")
        outputs = ", ".join(f"y{i}: {t}" for i, t in enumerate(self.outputs))
        ends = f"train: {{loss: {self.loss}}}" if self.loss else f"  outputs: {{{outputs}}}"
        return (f"kiln: 1\nname: case\nmodel:\n  inputs:\n{shapes}\n  layers:\n"
                f"{self.layers}\n{ends}\n")


def dtype(array):
    return {"f": "f32", "i": "i32"}[array.dtype.kind]


# --- how operators are written ---

RECURRENT = {"hidden_size": "units", "num_layers": "layers", "proj_size": "projection",
             "bidirectional": "bidirectional", "bias": "bias", "nonlinearity": "nonlinearity",
             "peepholes": "peepholes"}


def recurrent(case):
    a, has = case.attrs, [n for n in case.inputs() if n != "lengths"]
    kind = [k for k in case.info["op"].split("_") if k in ("lstm", "gru", "rnn")][0]
    options = {"from": has, "name": "rnn"}
    options.update({ours: a[name] for name, ours in RECURRENT.items() if name in a})
    options["return"] = "last" if a.get("last") else "sequence"
    options["start"] = "learned" if a.get("learned") else "zeros"
    if "lengths" in case.inputs():
        options["lengths"] = "lengths"
    outputs = ["rnn", "rnn.h"] + (["rnn.c"] if kind == "lstm" else [])
    axes = {n: 1 for n in ("h0", "c0", "out.1", "out.2")}
    axes["x"] = axes["out.0"] = 0 if a.get("batch_first", True) else 1
    one = a.get("num_layers", 1) * (1 + a.get("bidirectional", False)) == 1
    return Model(case, f"    - {kind}: {json.dumps(options)}", outputs, axes,
                 {"out.1", "out.2"} if one else ())


CELL = """
    - scan:
        name: cell
        from: x
        state:
          h: {{shape: {units}, start: {start}, next: after}}
          total: {{shape: [{units}], next: sum}}
        {options}
        layers:
          - concat: [x, h]
          - linear: {{units: {units}, name: forget}}
          - sigmoid: {{name: f}}
          - mul: {{from: [f, h], name: kept}}
          - concat: [x, kept]
          - linear: {{units: {units}, bias: false, name: new}}
          - tanh
          - sub: [tanh, h]
          - mul: {{from: [f, sub], name: change}}
          - add: {{from: [h, change], name: after}}
          - add: {{from: [total, after], name: sum}}
          - mul: [after, sum]"""


def custom_cell(case):
    a = case.attrs
    options = ["return: " + ("last" if a["last"] else "sequence")]
    options += ["reverse: true"] if a["reverse"] else []
    options += ["lengths: lengths"] if a["masked"] else []
    start = "h0" if a["start"] == "given" else a["start"]
    text = CELL.format(units=a["units"], start=start, options="\n        ".join(options))
    if not a["masked"]:                # every input has to be used
        text += "\n    - identity: {from: lengths, name: unused}"
    return Model(case, text, ["cell", "cell.h", "cell.total"])


def masked_cross_entropy(case):
    options = {k: case.attrs[k] for k in ("ignore_index", "label_smoothing")}
    return Model(case, "    - identity", loss=json.dumps({"cross_entropy": options}))


def ctc(case):
    options = {k: case.attrs[k] for k in ("labels", "blank")}
    if case.attrs["masked"]:
        options["lengths"] = "lengths"
    text = "    - identity: {from: lengths, name: all}\n    - identity: {from: x}"
    return Model(case, text, loss=json.dumps({"ctc": options}))


def attention(case):
    names = {"embed_dim": None, "num_heads": "heads", "scale": "scale"}
    options = {names.get(k, k): v for k, v in case.attrs.items() if names.get(k, k)}
    sources = [n for n in ("q", "k", "v") if n in case.inputs()]
    options.update({"from": sources, "name": "attn"})
    options.update({n: n for n in ("mask", "lengths") if n in case.inputs()})
    shared = ("mask",) if "mask" in case.inputs() and not case.attrs.get("mask_each") else ()
    options.pop("mask_each", None)
    kind = "dot_product_attention" if case.info["op"] == "scaled_dot_product" else "attention"
    return Model(case, f"    - {kind}: {json.dumps(options)}", ["attn"], shared=shared)


def normalisation(case):
    a = case.attrs
    options = {"dims": len(a["normalized_shape"]), "eps": a["eps"],
               "affine": a.get("elementwise_affine", True), "name": "norm"}
    return Model(case, f"    - {case.info['op']}: {json.dumps(options)}", ["norm"],
                 single=True, layer="norm")


def group_norm(case):
    a = case.attrs
    options = {"groups": a["num_groups"], "name": "norm"}
    return Model(case, f"    - group_norm: {json.dumps(options)}", ["norm"], layer="norm")


def along_axis(case):
    return Model(case, f"    - {case.info['op']}: {{axis: {case.attrs['dim']}, name: y}}", ["y"],
                 single=True)


ROWS = {"multihead_attention": attention, "multihead_attention_causal": attention,
        "multihead_attention_masked": attention, "scaled_dot_product": attention,
        "grouped_attention": attention, "positioned_attention": attention,
        "padded_attention": attention, "layer_norm": normalisation, "rms_norm": normalisation, "group_norm": group_norm,
        "softmax": along_axis, "log_softmax": along_axis, "lstm": recurrent, "gru": recurrent, "rnn_tanh": recurrent, "rnn_relu": recurrent,
        "packed_lstm": recurrent, "packed_gru": recurrent, "packed_rnn": recurrent,
        "peephole_lstm": recurrent, "custom_cell": custom_cell, "ctc": ctc, "masked_cross_entropy": masked_cross_entropy}


# --- running and comparing ---

def run(case, model, backend, folder):
    def path(name):
        return os.path.join(folder, name)
    with open(path("case.yaml"), "w", encoding="utf-8") as f:
        f.write(model.text())
    command = [os.environ["KILN"], "run", path("case.yaml"), "-o", path("out"), "--grad",
               "--backend", backend]
    for name, array in model.arrays.items():
        array = array.astype(np.int32) if array.dtype.kind == "i" else array
        np.save(path(name + ".npy"), np.ascontiguousarray(array))
        command += ["-i", f"{name}={path(name)}.npy"]
    for i in range(len(model.outputs)):
        gy = model.batch_first(f"out.{i}", case.data[f"gy.{i}"])
        np.save(path(f"gy{i}.npy"), np.ascontiguousarray(gy))
        command += ["--upstream", f"y{i}={path(f'gy{i}.npy')}"]
    params = {model.prefix + k[6:]: v for k, v in case.data.items() if k.startswith("param.")}
    if params:
        np.savez(path("weights.npz"), **params)
        command += ["-w", path("weights.npz")]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    if got.returncode:
        return got.stderr or f"exit {got.returncode}"
    return {f[:-4]: np.load(path(os.path.join("out", f))) for f in os.listdir(path("out"))}


def result_name(model, name):
    """What `kiln run` calls a result of the references."""
    lead, rest = name.split(".", 1)
    if lead == "out" and model.loss:
        return "loss"
    return {"out": "y", "gin": "grad.", "gparam": "grad." + model.prefix}[lead] + rest


def differences(case, model, got):
    for name, t in case.tolerance.items():
        ref, at = case.data[name], result_name(model, name)
        if at not in got:
            yield f"{name}: there is no {at}"
            continue
        key = name[4:] if name.startswith("gin.") else name
        own = name.startswith("gparam.") or at == "loss"
        x = got[at] if own else model.as_in_case(key, got[at])
        if x.shape != ref.shape:
            yield f"{name}: shape {x.shape}, expected {ref.shape}"
        elif not np.allclose(x, ref, rtol=t["rtol"], atol=t["atol"]):
            yield f"{name}: off by {np.abs(x - ref).max():.2e}, allowed {t}"


def check(case, backend):
    model = ROWS[case.info["op"]](case)
    with tempfile.TemporaryDirectory() as folder:
        got = run(case, model, backend, folder)
    if isinstance(got, str):
        return [got]
    return list(differences(case, model, got))


def main():
    if sys.argv[1] == "--rows":
        print("|".join(ROWS))
        return 0
    names = sorted(n for n in os.listdir(sys.argv[1]) if re.search(sys.argv[2], n))
    failed = 0
    for name in names:
        case = Case(os.path.join(sys.argv[1], name))
        for backend in BACKENDS:
            bad = check(case, backend)
            failed += bool(bad)
            if bad:
                print(f"FAIL {name} by {backend}\n  " + "\n  ".join(bad[:4]))
    print(f"conformance: {len(names)} cases by {', '.join(BACKENDS)}, {failed} failures")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
