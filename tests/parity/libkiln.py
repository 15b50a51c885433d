"""libkiln.py - the library from Python: as much of it as training needs."""
import ctypes
import os

import numpy as np

DTYPES = {b"f32": np.float32, b"i32": np.int32, b"i64": np.int64, b"u8": np.uint8}


class Options(ctypes.Structure):
    _fields_ = [("set", ctypes.c_void_p), ("nset", ctypes.c_int), ("batch", ctypes.c_int64),
                ("training", ctypes.c_int), ("strict", ctypes.c_int), ("target", ctypes.c_char_p),
                ("backend", ctypes.c_char_p), ("threads", ctypes.c_int)]


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_char_p), ("rank", ctypes.c_int),
                ("shape", ctypes.c_int64 * 8), ("batched", ctypes.c_int)]


def load():
    lib = ctypes.CDLL(os.path.join(os.environ["KILN_BUILD_DIR"], "libkiln.so"))
    lib.kiln_open_text.restype = ctypes.c_void_p
    lib.kiln_messages.restype = ctypes.c_char_p
    return lib


class Model:
    """A model in text; training on, batches of at most so many examples."""

    def __init__(self, text, batch, strict=False, backend=b"jit"):
        self.lib = load()
        data = text.encode()
        options = Options(batch=batch, training=1, strict=strict, backend=backend)
        self.k = ctypes.c_void_p(self.lib.kiln_open_text(
            b"net.yaml", data, ctypes.c_size_t(len(data)), ctypes.byref(options)))
        self.ok(self.lib.kiln_errors(self.k) or self.lib.kiln_compile(self.k))
        self.ok(self.lib.kiln_init(self.k, ctypes.c_uint64(1)))

    def ok(self, status):
        if status:
            raise RuntimeError(f"{status}: {self.lib.kiln_messages(self.k).decode()}")

    def weights(self):
        """Name to array, which is the library's own memory; state is among them."""
        out, t, data, i = {}, Tensor(), ctypes.c_void_p(), 0
        while self.lib.kiln_weight(self.k, i, ctypes.byref(t), ctypes.byref(data)):
            i += 1
            shape = list(t.shape[:t.rank])
            kind = DTYPES.get(t.dtype, np.uint32)
            count = int(np.prod(shape)) if shape else 1
            raw = (ctypes.c_char * (count * np.dtype(kind).itemsize)).from_address(data.value)
            out[t.name.decode()] = np.frombuffer(raw, kind).reshape(shape)
        return out

    def run(self, entry, inputs):
        """One call on arrays by name; its outputs by name."""
        e, t = self.lib.kiln_entry(self.k, entry.encode()), Tensor()
        given, out, n = [], {}, 1
        for i in range(self.lib.kiln_inputs(self.k, e)):
            self.lib.kiln_input(self.k, e, i, ctypes.byref(t))
            x = np.ascontiguousarray(inputs[t.name.decode()], DTYPES[t.dtype])
            n = len(x) if t.batched else n
            given.append(x)
        for i in range(self.lib.kiln_outputs(self.k, e)):
            self.lib.kiln_output(self.k, e, i, ctypes.byref(t))
            shape = list(t.shape[:t.rank])
            out[t.name.decode()] = np.zeros([n] + shape[1:] if t.batched else shape,
                                            DTYPES[t.dtype])
        pointers = [(ctypes.c_void_p * max(1, len(a)))(*[x.ctypes.data for x in a])
                    for a in (given, out.values())]
        self.ok(self.lib.kiln_run(self.k, e, ctypes.c_int64(n), *pointers))
        return out

    def close(self):
        self.lib.kiln_close(self.k)
