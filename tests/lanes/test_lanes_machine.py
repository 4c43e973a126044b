"""Threads, instruction sets, processes and memory: the same bits, and no more memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from byhand import kernels, losses, models, nn, optim
from byhand.kernels import Lanes, compiled
from lanes.helper import SETS, THREADS, agree, machine, numbers, run

TESTS = Path(__file__).parents[1]


def trained(name="lenet5", steps=3, n=41, **settings):
    """A network after some steps on Lanes: everything that it computed, as a digest."""
    model = models.build(name, np.random.default_rng(0), **settings)
    stepper, loss = optim.Adam(), losses.CrossEntropy()
    state = stepper.new_state(model.flat)
    rng, seen = np.random.default_rng(1), hashlib.sha256()
    for step in range(steps):
        x = Lanes.pack(rng.standard_normal((n, 1, 28, 28)))
        outputs, cache = model.forward(x, True, nn.Key(0, step))
        value, inner = loss.forward(outputs, rng.integers(0, 10, n))
        grads = model.new_grads()
        dx = model.backward(loss.backward(inner), cache, grads)
        stepper.step(model.flat, grads.flat, state, 1e-3)
        for array in (outputs.numpy(), dx.numpy(), grads.flat, model.flat, np.array(value)):
            seen.update(array.tobytes())
    return seen.hexdigest()


def fresh(code, **env):
    """The last line that this program prints in a process of its own."""
    paths = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("name", ["lenet5", "deep_convnet"])
def test_a_number_of_threads_gives_the_same_bits_each_time(name, threads):
    n = 9 if name == "deep_convnet" else 41
    with machine(SETS[0], threads):
        first = trained(name, n=n)
        assert trained(name, n=n) == first


@pytest.mark.parametrize("threads", THREADS)
def test_a_fresh_process_gives_the_same_bits(threads):
    with machine(SETS[0], threads):
        here = trained()
    code = "from byhand import kernels; from lanes.test_lanes_machine import trained\n"
    code += f"kernels.set_threads({threads}); print(trained())"
    assert fresh(code, BYHAND_ISA=SETS[0]) == here


def test_what_is_no_sum_over_images_is_the_same_on_any_number_of_threads():
    x, weight, bias = numbers(0, (41, 16, 14, 14)), numbers(1, (32, 16, 3, 3)), numbers(2, 32)
    for isa in SETS:
        results = []
        for threads in THREADS:
            with machine(isa, threads):
                y, dx, *_ = run("conv2d", Lanes.pack(x), weight, bias, 1, 1,
                                dy=lambda y: Lanes.pack(numbers(3, y.shape)))  # fmt: skip
                results.append((y.numpy().tobytes(), dx.numpy().tobytes()))
        assert len(set(results)) == 1


def test_the_core_uses_as_many_threads_as_set_threads_says():
    before = kernels.threads(), compiled.core.threads()
    try:
        for threads in (3, 1, 2):
            assert kernels.set_threads(threads) == threads
            assert compiled.core.threads() == threads
    finally:
        kernels.set_threads(before[0])
        compiled.core.set_threads(before[1])


def test_without_being_told_the_core_uses_the_cores_there_are():
    code = "from byhand import kernels; from byhand.kernels import compiled\n"
    code += "print(compiled.core.threads() == kernels.cores())"
    assert fresh(code) == "True"


def test_python_threads_that_compute_at_once_get_the_bits_that_one_gets():
    def work(seed):
        x, weight = Lanes.pack(numbers(seed, (33, 8, 20, 20))), numbers(seed, (16, 8, 3, 3))
        results = run("conv2d_relu_pool2d", x, weight, None, 1, 1,
                      dy=lambda y: Lanes.pack(numbers(1, y.shape)))  # fmt: skip
        return [kernels.as_numpy(r) for r in results]

    with machine(SETS[0], 2):
        alone = [work(seed) for seed in range(4)]
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(lambda i: work(i % 4), range(24)))
    for i, results in enumerate(together):
        for mine, theirs in zip(results, alone[i % 4], strict=True):
            assert np.array_equal(mine, theirs)


def test_the_number_of_threads_may_change_while_others_compute():
    x, weight = Lanes.pack(numbers(0, (33, 8, 20, 20))), numbers(1, (16, 8, 3, 3))
    expected = kernels.conv2d(x, weight, None)[0].numpy()

    def work(i):
        compiled.core.set_threads(1 + i % 3)
        return kernels.conv2d(x, weight, None)[0].numpy()

    with machine(SETS[0], 2), ThreadPoolExecutor(4) as pool:
        for y in pool.map(work, range(40)):
            agree(y, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_a_fork_computes_the_same():
    code = """
import os
from byhand import kernels
from lanes.test_lanes_machine import trained
kernels.set_threads(2)
here = trained(steps=1)
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, trained(steps=1).encode())
    os._exit(0)
os.waitpid(child, 0)
print(os.read(read, 100).decode() == here == trained(steps=1))
"""
    assert fresh(code) == "True"


# Instruction sets ---------------------------------------------------------------------------------


def test_the_instruction_sets_that_run_here_are_named_best_first():
    assert len(SETS) >= 1
    known = ["avx512", "avx2", "baseline"] if "baseline" in SETS else ["neon"]
    assert [name for name in known if name in SETS] == list(SETS)
    assert kernels.instruction_set() in SETS
    assert not compiled.core.choose("sse9")
    assert kernels.instruction_set() in SETS


@pytest.mark.parametrize("isa", SETS)
def test_byhand_isa_chooses_the_instruction_set(isa):
    code = "from byhand import kernels; from lanes.test_lanes_machine import trained\n"
    code += "kernels.set_threads(2); print(kernels.instruction_set(), trained())"
    with machine(isa, 2):
        here = trained()
    assert fresh(code, BYHAND_ISA=isa) == f"{isa} {here}"


def test_the_instruction_sets_agree_with_each_other():
    x = numbers(0, (17, 16, 14, 14))
    weight = numbers(1, (24, 16, 3, 3))
    results = []
    for isa in SETS:
        with machine(isa, 2):
            results.append(run("conv2d", Lanes.pack(x), weight, None, 1, 1,
                               dy=lambda y: Lanes.pack(numbers(3, y.shape))))  # fmt: skip
    for other in results[1:]:
        for mine, theirs in zip(other, results[0], strict=True):
            agree(mine, kernels.as_numpy(theirs))


def test_an_instruction_set_that_is_none_is_told_and_the_best_is_used():
    code = "from byhand import kernels; print(*kernels.arithmetic())"
    said = fresh(code, BYHAND_ISA="nonsense")
    assert said.startswith("lanes ")
    assert f"runs on {SETS[0]}" in said
    assert "BYHAND_ISA is 'nonsense'" in said
    for isa in SETS:
        assert isa in said
    assert "BYHAND_ISA" not in fresh(code, BYHAND_ISA="")


# Memory -------------------------------------------------------------------------------------------


def test_after_the_first_steps_no_more_memory_is_asked_of_the_system():
    def allocations(steps):
        with machine(SETS[0], 2):
            trained(steps=steps)
        return compiled.core.memory_counts()[2]

    first = allocations(3)
    assert allocations(5) == first


def test_memory_is_given_back_when_arrays_go():
    def used():
        return compiled.core.memory_counts()[0]

    before = used()
    lanes = [Lanes.pack(np.zeros((64, 1000), np.float32)) for _ in range(10)]
    assert used() - before >= 10 * 64 * 1000 * 4
    view = lanes[0].data
    del lanes
    assert 64 * 1000 * 4 <= used() - before < 2 * 64 * 1000 * 4  # the view keeps its own
    del view
    assert used() == before


def test_of_what_is_given_back_only_so_much_is_kept():
    for _ in range(3):  # 96 MiB each, together more than the 256 MiB that are kept
        arrays = [Lanes(np.zeros((1, 3 << 20, 8), np.float32), 8) for _ in range(3)]
        del arrays
        assert compiled.core.memory_counts()[1] <= 256 << 20


def test_errors_leave_no_memory_behind():
    before = compiled.core.memory_counts()[0]
    x = Lanes.pack(numbers(0, (9, 4)))
    for _ in range(5):
        with pytest.raises(ValueError, match="float32"):
            kernels.linear(x, np.zeros((3, 4)), None)
    del x
    assert compiled.core.memory_counts()[0] == before
