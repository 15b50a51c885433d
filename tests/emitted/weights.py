#!/usr/bin/env python3
"""weights.py SOURCE OUT: small random weights for an emitted model, as safetensors."""
import json
import math
import random
import re
import struct
import sys

ROW = re.compile(r' *\{"([^"]+)", "f32", 4, \d+, \{([\d, ]*)\}')
header, data = {}, b""
random.seed(1)
with open(sys.argv[1]) as source:
    rows = [m for m in map(ROW.match, source) if m]
for row in rows:
    shape = [int(n) for n in row[2].split(",")]
    values = [random.uniform(0.1, 0.3) for _ in range(math.prod(shape))]
    packed = struct.pack(f"<{len(values)}f", *values)
    header[row[1]] = {"dtype": "F32", "shape": shape,
                      "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
text = json.dumps(header).encode()
with open(sys.argv[2], "wb") as out:
    out.write(struct.pack("<Q", len(text)) + text + data)
