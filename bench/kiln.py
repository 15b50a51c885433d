"""kiln.py - what the benchmark scripts share: where the command is, how it is called, what it measured."""
import json, os, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)


def command():
    return os.environ.get("KILN", os.path.join(root, "build", "release", "kiln"))


def workload(name):
    return os.path.join(here, "workloads", name + ".yaml")


def call(*args):
    """Runs the command; its standard output, or SystemExit with what it complained of."""
    argv = [command()] + [str(a) for a in args]
    try:
        p = subprocess.run(argv, capture_output=True, text=True, env=clean())
    except OSError as e:
        sys.exit("%s: %s" % (argv[0], e.strerror))
    if p.returncode:
        sys.exit("%s: exit %d\n%s" % (" ".join(argv), p.returncode, p.stderr[-2000:]))
    return p.stdout


def clean():
    """The environment without what slows OpenBLAS down."""
    return {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}


def bench(name, entry, batch, threads, backend, budget, more=()):
    """`kiln bench` with as many repeats as fit into `budget` seconds."""
    def once(repeat):
        out = call("bench", workload(name), "--entry", entry, "--batch", batch, "--threads", threads,
                   "--backend", backend, "--repeat", repeat, "--json", *more)
        return json.loads(out.splitlines()[-1])
    first = once(10)["ms_median"]
    return once(max(10, min(20000, int(budget * 1e3 / max(first, 1e-4)))))
