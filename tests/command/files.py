"""files.py - writes what tests/command/run feeds to the command: models, data, sound and broken."""
import gzip, json, struct, zipfile


def write(name, data):
    with open(name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def npy(shape, values, code="<f4"):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (
        code, "".join("%d," % s for s in shape))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    kind = {"<f4": "f", "<f8": "d", "<i8": "q", "|u1": "B"}[code]
    return (b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() +
            struct.pack("<%d%s" % (len(values), kind), *values))


def safetensors(tensors):
    head, at, body = {}, 0, b""
    for name, (shape, values) in tensors.items():
        data = struct.pack("<%df" % len(values), *values)
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at, body = at + len(data), body + data
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


def idx(shape, data, kind=8):
    return struct.pack(">BBBB%dI" % len(shape), 0, 0, kind, len(shape), *shape) + bytes(data)


MODEL = """kiln: 1
name: tiny
data: {train: tiny.csv, target: y, valid: 20%%}
model:
  inputs: {x: [2]}
  layers: [linear: {units: 4, name: hidden}, tanh, dropout: 0.1, linear: {units: 1, name: y}]
  outputs: [y]
train: {loss: mse, optimizer: {adam: {lr: %s}}, batch: 8, epochs: 3, metrics: [mae]}
"""
IMAGES = """kiln: 1
name: images
data: {train: {images: %s, labels: %s}}
model:
  inputs: {image: {shape: [2, 2], dtype: u8}}
  layers: [scale: 1/255, flatten, linear: 3]
train: {loss: cross_entropy, batch: 4, epochs: 1}
"""
ROWS = "a,b,y\n" + "".join("%g,%g,%g\n" % (i % 7, i % 5, (i % 7) - 2 * (i % 5)) for i in range(50))

TEXT = """kiln: 1
name: text
data: {train: {text: corpus.txt}, valid: last 20%}
model:
  inputs: {t: {shape: [5], dtype: i32}}
  layers: [embedding: {size: 12, dim: 4}, rnn: 6, linear: {units: 12, name: next}]
  outputs: {next: {as: softmax}}
train: {loss: cross_entropy, batch: 8, steps: 20, metrics: [accuracy]}
"""
TAGGED = """kiln: 1
name: tagged
data: {train: {tagged: tagged.txt}}
model:
  inputs: {t: {shape: [4], dtype: i32}}
  layers: [embedding: {size: 12, dim: 4}, rnn: 6, linear: {units: 3, name: tag}]
train: {loss: {cross_entropy: {ignore_index: -1}}, batch: 8, epochs: 2, metrics: [accuracy]}
"""
WINDOWS = """kiln: 1
name: windows
data: {train: tiny.csv, columns: [a, y], window: {past: 6, future: 2, of: y}, valid: last 30%}
model:
  inputs: {past: [6, 2]}
  layers: [rnn: {units: 3, return: last}, linear: {units: 2, name: next}]
train: {loss: mse, batch: 8, epochs: 2, metrics: [mae]}
"""
write("text.yaml", TEXT)
write("tagged.yaml", TAGGED)
write("windows.yaml", WINDOWS)
write("corpus.txt", "to be or not to be\n" * 20)
write("other.txt", "to be or not to be\nthat is it\n")
write("none.txt", "")
write("latin.txt", b"caf\xe9\n" * 20)
write("tagged.txt", "the/at dog/nn runs/vb\nthe/at dog/nn\n" * 10)
write("untagged.txt", "the/at dog\n")
write("plain.txt", "the dog\n")
write("words.txt", "the dog runs\nthe dog\n" * 10)
write("zero.txt", b"to be \0 not\n" * 20)
write("cell.yaml", """kiln: 1
model:
  inputs: {x: [6, 3]}
  layers:
    - repeat:
        times: 2
        layers:
          - linear: {units: 3, name: fc}
          - scan: {state: {h: 4}, layers: [concat: {from: [fc, h]}, linear: 4]}
""")
write("tiny.yaml", MODEL % "0.01")
write("diverges.yaml", (MODEL % "0.01").replace("adam: {lr: 0.01}", "sgd: {lr: 1e30}"))
write("tiny.csv", ROWS)
write("plain.yaml", (MODEL % "0.01").split("train: {loss")[0])
write("long.yaml", """kiln: 1
name: long
model:
  inputs: {x: [2]}
  layers:
    - linear: {units: 30, name: %s}
    - hardsigmoid
    - linear: 3
    - softsign: {name: hidden_softsign}
""" % ("a_layer_with_a_name_of_many_letters"))
write("broken.yaml", "kiln: 1\nmodel: [\n")
write("shapes.yaml", (MODEL % "0.01").replace("[2]", "[2, -1]"))
write("huge.yaml", (MODEL % "0.01").replace("units: 4", "units: 4000000000000"))
write("binary.yaml", bytes(range(256)))
write("empty.yaml", "")
write("batchsize.yaml", (MODEL % "0.01").replace("batch: 8", "batch: 99999999999"))

write("x.npy", npy([3, 2], [1, 2, 3, 4, 5, 6]))
write("y.npy", npy([3, 1], [1, 2, 3]))
write("one.npy", npy([3, 1], [1, 1, 1]))
write("wide.npy", npy([3, 3], range(9)))
write("flat.npy", npy([6], range(6)))
write("none.npy", npy([0, 2], []))
write("cut.npy", npy([3, 2], [1, 2, 3, 4, 5, 6])[:-4])
write("long.npy", npy([3, 2], [1, 2, 3, 4, 5, 6]) + b"xx")
write("absurd.npy", npy([1 << 40, 1 << 40], [1]))
write("noise.npy", b"not numpy at all")
write("double.npy", npy([3, 2], [1, 2, 3, 4, 5, 1e300], "<f8"))
write("short.npy", npy([2, 1], [1, 2]))

GOOD = {"hidden.weight": ([4, 2], range(8)), "hidden.bias": ([4], range(4)),
        "y.weight": ([1, 4], range(4)), "y.bias": ([1], [1])}
write("good.safetensors", safetensors(GOOD))
write("old.safetensors", safetensors({"net." + k: v for k, v in GOOD.items()}))
write("few.safetensors", safetensors({k: v for k, v in GOOD.items() if k != "y.bias"}))
write("many.safetensors", safetensors({**GOOD, "hiden.weight": ([1], [1])}))
write("shape.safetensors", safetensors({**GOOD, "hidden.weight": ([2, 4], range(8))}))
write("cut.safetensors", safetensors(GOOD)[:-6])
write("head.safetensors", safetensors(GOOD)[:20])
write("json.safetensors", struct.pack("<Q", 8) + b"{\"a\": [}")
write("absurd.safetensors", struct.pack("<Q", 1 << 60) + b"{}")
write("overlap.safetensors", struct.pack("<Q", 71) + (
    b'{"y.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}'.ljust(71)) + b"abcd")
write("noise.npz", b"PK\3\4 no zip")
with zipfile.ZipFile("good.npz", "w") as z:
    for k, (shape, values) in GOOD.items():
        z.writestr(k + ".npy", npy(shape, list(values)))
with zipfile.ZipFile("shape.npz", "w") as z:
    for k, (shape, values) in GOOD.items():
        z.writestr(k + ".npy", npy(shape[::-1], list(values)))
with zipfile.ZipFile("cut.npz", "w") as z:
    for k, (shape, values) in GOOD.items():
        z.writestr(k + ".npy", npy(shape, list(values))[:-2])

CSV = {"text": ROWS + "1,two,3\n", "field": ROWS + "1,2\n", "missing": ROWS + "1,,3\n",
       "inf": ROWS + "1,1e999,3\n", "quote": ROWS + '1,"2,3\n', "names": ROWS.replace("y", "z", 1),
       "onerow": "a,b,y\n1,2,3\n", "header": "a,b,y\n", "empty": "", "thin": "a,y\n1,2\n3,4\n",
       "zeros": ROWS + "1,2,\0\n"}
for name, text in CSV.items():
    write(name + ".csv", text)

PIXELS, LABELS = idx([5, 2, 2], range(20)), idx([5], [0, 1, 2, 0, 1])
write("ok.idx3", PIXELS)
write("ok.idx1", LABELS)
write("ok.idx3.gz", gzip.compress(PIXELS))
PAIRS = {"cut": (PIXELS[:-3], LABELS), "more": (PIXELS, idx([6], [0, 1, 2, 0, 1, 2])),
         "class": (PIXELS, idx([5], [0, 1, 3, 0, 1])), "size": (idx([5, 2, 3], range(30)), LABELS),
         "magic": (b"\1\2\3\4" + PIXELS[4:], LABELS), "rank": (PIXELS, PIXELS),
         "absurd": (idx([0xffffffff] * 3, []), LABELS), "tail": (PIXELS + b"x", LABELS),
         "gz": (gzip.compress(PIXELS)[:-9], LABELS), "none": (idx([0, 2, 2], []), idx([0], []))}
write("ok.yaml", IMAGES % ("ok.idx3.gz", "ok.idx1"))
for name, (pixels, labels) in PAIRS.items():
    write(name + ".idx3", pixels)
    write(name + ".idx1", labels)
    write("idx-" + name + ".yaml", IMAGES % (name + ".idx3", name + ".idx1"))
write("steps.npy", npy((2, 6, 3), [0.25 * ((7 * i) % 11) - 1 for i in range(36)]))
write("steps.yaml", """kiln: 1
model:
  inputs: {x: [6, 3]}
  layers:
    - lstm: {units: 4, name: cell}
    - residual: [attention: {heads: 2, causal: true}]
    - linear: {units: 2, name: y}
    - gru: {units: 4, return: last, from: cell, name: last}
  outputs: [y, last]
deploy: {stream: {chunk: 1}}
""")
