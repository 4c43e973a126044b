// The pool of threads: ranges, nested loops, scratch memory, many callers and forks.
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "support.hpp"

namespace byhand::tests {
namespace {

const double MUCH = 1e6;  // the cost of a unit that is worth a thread

// Every unit once, in ranges that depend on the numbers only.
void test_ranges() {
    for (int count : THREADS)
        for (Size units : {0, 1, 2, 3, 7, 100, 1000}) {
            set_threads(count);
            std::vector<int> slot_of(units, -1);
            std::atomic<bool> wrong{false};
            parallel_for(units, MUCH, [&](Size begin, Size end, int slot) {
                if (slot < 0 || slot >= count || begin >= end) wrong = true;
                for (Size i = begin; i < end; i++) {
                    if (slot_of[i] != -1) wrong = true;
                    slot_of[i] = slot;
                }
            });
            const Size slots = std::min<Size>(count, units);
            for (Size slot = 0; slot < slots; slot++)
                for (Size i = units * slot / slots; i < units * (slot + 1) / slots; i++)
                    if (slot_of[i] != slot) wrong = true;
            if (wrong) fail(say("parallel_for: wrong ranges", {count, units}));
        }
    set_threads(3);
    const std::thread::id self = std::this_thread::get_id();
    std::atomic<bool> moved{false};
    parallel_for(10, 1, [&](Size, Size, int) { moved = moved || std::this_thread::get_id() != self; });
    if (moved) fail("parallel_for: a small loop left its thread");
}

// Sum 0 .. units-1 by way of scratch memory that the caller reads after the loop; false when it is wrong.
bool sum_by_scratch(Size units) {
    const int slots = threads();
    for (int slot = 0; slot < slots; slot++) scratch(slot, 100 + slot)[99] = 0;
    parallel_for(units, MUCH, [](Size begin, Size end, int slot) {
        float* mine = scratch(slot, 100);
        if (reinterpret_cast<uintptr_t>(mine) % 64) mine[99] = NAN;
        for (Size i = begin; i < end; i++) mine[99] += static_cast<float>(i);
    });
    double sum = 0;
    for (int slot = 0; slot < slots; slot++) sum += scratch(slot, 100)[99];
    return sum == units * (units - 1) / 2.0;
}

void test_nested() {
    set_threads(3);
    std::atomic<int> sum{0};
    std::atomic<bool> shared{false};
    parallel_for(6, MUCH, [&](Size begin, Size end, int slot) {
        float* outer = scratch(slot, 64);
        for (Size i = begin; i < end; i++) {
            outer[0] = static_cast<float>(i);
            parallel_for(10, MUCH, [&](Size first, Size last, int inner_slot) {
                float* inner = scratch(inner_slot, 64);
                if (inner == outer) shared = true;
                inner[0] = -1;
                for (Size k = first; k < last; k++) sum += static_cast<int>(k);
                parallel_for(1, MUCH, [&](Size, Size, int) { scratch(0, 64)[0] = inner[0] - 1; });
                if (inner[0] != -1) shared = true;
            });
            if (outer[0] != static_cast<float>(i) || scratch(slot, 64) != outer) shared = true;
        }
    });
    if (sum != 6 * 45) fail("parallel_for: a nested loop is not done once");
    if (shared) fail("scratch: a nested loop shares its outer loop's memory");
}

// A bit of everything, for comparison of bits.
Floats some_work(const Kernels& k) {
    const Size n = 100, I = 200, O = 30, blocks = blocks_of(n);
    Lanes x(blocks * I * LANES), y(blocks * O * LANES), dy(blocks * O * LANES, 0.01f), p(blocks * O * LANES);
    for (Size i = 0; i < x.size(); i++) x[i] = static_cast<float>(i % 101) / 101;
    Floats w(O * I), dw(O * I), db(O), losses(n), t(n * O, 1.f / O);
    for (Size i = 0; i < O * I; i++) w[i] = static_cast<float>(i % 89) / 89 - 0.5f;
    k.linear(blocks, I, O, x, w.data(), nullptr, y, false);
    k.linear_weight_gradient(blocks, I, O, x, dy, dw.data(), db.data());
    k.cross_entropy(n, O, y, t.data(), losses.data(), p);
    const Conv conv{blocks, 2, 10, 10, 3, 3, 3, 1, 1, 1, 1, 10, 10};
    Floats cw(54), dcw(54);
    for (Size i = 0; i < 54; i++) cw[i] = static_cast<float>(i) / 54;
    Lanes cy(blocks * 300 * LANES);
    k.conv_forward(conv, x, cw.data(), nullptr, cy, true);
    k.conv_weight_gradient(conv, x, cy, dcw.data(), nullptr);
    Floats all = from_lanes(n, O, y);
    for (const Floats* part : {&dw, &db, &losses, &dcw}) all.insert(all.end(), part->begin(), part->end());
    return all;
}

void test_callers() {
    set_threads(3);
    const Floats expected = some_work(kernels());
    std::atomic<int> wrong{0}, lost{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; caller++)
        callers.emplace_back([&, caller] {
            for (int round = 0; round < 20; round++) {
                if (!same_bits(some_work(kernels()), expected)) wrong++;
                if (!sum_by_scratch(100 + 10 * caller)) lost++;
            }
        });
    for (std::thread& caller : callers) caller.join();
    if (wrong) fail("four callers at once: other bits than one alone");
    if (lost) fail("four callers at once: scratch memory is shared");
}

void test_fork() {
#if defined(__SANITIZE_THREAD__)
    return;  // the thread sanitizer does not support new threads in a child of many threads
#endif
    set_threads(3);
    const Floats expected = some_work(kernels());
    const auto works = [&] {
        return same_bits(some_work(kernels()), expected) && sum_by_scratch(1000) &&
               in_child([] { return sum_by_scratch(50); });
    };
    if (!in_child(works)) fail("after a fork: the pool does not work");
    if (!same_bits(some_work(kernels()), expected)) fail("after a fork: the parent's pool does not work");

    // And while other threads use the pool.
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) sum_by_scratch(1000);
    });
    for (int round = 0; round < 5; round++)
        if (!in_child([] { return sum_by_scratch(1000); })) fail("after a fork during a loop: no pool");
    stop = true;
    other.join();

    // A child that ends in the usual way ends its threads, too.
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        forked();
        std::exit(sum_by_scratch(1000) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("after a fork: no clean exit");
}

}  // namespace

void test_threads() {
    test_ranges();
    test_nested();
    for (const char* const* isa = available(); *isa; isa++) {
        choose(*isa);
        test_callers();
        test_fork();
    }
}

}  // namespace byhand::tests
