"""How fast byhand is, beside PyTorch, JAX and ONNX Runtime where they are installed.

    kinds, notes = bench.choose_peers()
    suite = bench.Suite(bench.Plan(bench.choose_cases(["lenet5"]), kinds, threads=2), notes)
    for what in suite.run():
        print(what)
    print(bench.text(suite.record))

cases.py says what is timed; contestant.py what a contestant can do, with a page for each: ours.py,
torch_peer.py, jax_peer.py, onnx_peer.py, listed in peers.py. agreement.py sees that all compute
the same before anything is timed, byhand.timing takes turns. peak.py and convolutions.py measure
kernels, memory.py fresh processes. suite.py does it all in order; compare.py and table.py look at
what was found.
"""

from byhand.bench.agreement import Disagreement
from byhand.bench.cases import CASES, Case
from byhand.bench.cases import choose as choose_cases
from byhand.bench.peak import Peak, fma_peak
from byhand.bench.peers import PEERS
from byhand.bench.peers import choose as choose_peers
from byhand.bench.suite import Plan, Suite
from byhand.bench.table import text

__all__ = [
    "CASES",
    "PEERS",
    "Case",
    "Disagreement",
    "Peak",
    "Plan",
    "Suite",
    "choose_cases",
    "choose_peers",
    "fma_peak",
    "text",
]
