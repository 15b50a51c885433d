#!/usr/bin/env python3
"""calls.py HEADER: C that calls each entry of an emitted header, for drive.c; it knows the
arguments from the header's comments."""
import re
import sys

ARG = re.compile(r" \*   \S+ +(in|out) +([a-z0-9]+)(\S*)(?:.*each 0\.\.(\d+))?")


def parse(text):
    """(entry, [(is output, dtype, elements, of each of the batch, bound)])"""
    entries, args = [], []
    for line in text.split("\n"):
        arg = ARG.match(line)
        if line.startswith("/* "):
            args = []
        if arg:
            dims = re.findall(r"\[(\w+)\]", arg[3])
            count = 1
            for d in dims:
                count *= int(d) if d != "n" else 1
            args.append((arg[1] == "out", arg[2], count, "n" in dims, int(arg[4] or -1) + 1))
        call = re.match(r"int (\w+)\((\w+)_ctx \*ctx, int n", line)
        if call:
            entries.append((call[1], args))
    return entries


def write(prefix, entries, streams):
    upper = prefix.upper()
    stream = f"c->stream = block[3];\n    " if streams else ""
    begin = f" || {prefix}_stream_init((({prefix}_ctx *)ctx)->stream)" if streams else ""
    print(f'#include "{prefix}.h"\n#include "drive.h"\n')
    print(f"static int init(void *ctx) {{ return {prefix}_init(({prefix}_ctx *)ctx, 7){begin}; }}")
    print(f"static size_t arena(int threads) {{ return {upper}_ARENA_BYTES(threads); }}")
    print(f"static void set(void *ctx, void *const *block, Parallel *parallel, int threads, "
          f"uint32_t step) {{\n    {prefix}_ctx *c = ({prefix}_ctx *)ctx;\n"
          "    c->params = block[0], c->grads = block[1], c->state = block[2];\n"
          f"    {stream}c->arena = block[4], c->parallel = parallel, c->threads = threads;\n"
          "    c->rng[2] = step;\n}")
    for i, (name, args) in enumerate(entries):
        listed = "".join(f", a[{k}]" for k in range(len(args)))
        print(f"static int call{i}(void *ctx, int n, void *const *a) {{\n"
              f"    return {name}(({prefix}_ctx *)ctx, n{listed});\n}}")
    print("static const DriveEntry entries[] = {")
    for i, (name, args) in enumerate(entries):
        rows = ", ".join(f'{{{int(out)}, "{t}", {count}, {int(each)}, {bound}}}'
                         for out, t, count, each, bound in args)
        print(f'    {{"{name}", call{i}, {len(args)}, {{{rows}}}}},')
    print(f"}};\nconst Drive drive_{prefix} = {{\n    \"{prefix}\", sizeof({prefix}_ctx), "
          f"{upper}_BATCH,\n    {{{upper}_PARAMS_BYTES, {upper}_GRADS_BYTES, "
          f"{upper}_STATE_BYTES, {upper + '_STREAM_BYTES' if streams else 0}}}, arena, init, set,\n    {len(entries)}, entries\n}};")


with open(sys.argv[1]) as header:
    text = header.read()
write(re.search(r"int (\w+)_init\(", text)[1], parse(text), "_STREAM_BYTES" in text)
