// Tests of the memory that arrays live in: used again, limited, shared by threads.
#include "memory.hpp"

#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "support.hpp"

namespace byhand::tests {
namespace {

void test_reuse() {
    const auto before = byhand::memory_counts();
    float* first;
    {
        const byhand::Memory memory(40'000);
        first = memory.floats();
        if (reinterpret_cast<uintptr_t>(first) % 64) fail("memory does not begin at a cache line");
        if (memory.float_count() != 10'000) fail("memory counts its floats wrongly");
        std::memset(memory.bytes(), 1, memory.size());
    }
    const auto between = byhand::memory_counts();
    if (between.used != before.used) fail("memory let go counts as used");
    for (int i = 0; i < 100; i++) {
        const byhand::Memory memory(40'000 - i);  // nearly the size
        if (memory.floats() != first) return fail("memory of the same size was not used again");
    }
    if (byhand::memory_counts().allocations != between.allocations) fail("memory was asked for in vain");
}

void test_limits() {
    const size_t piece = byhand::KEPT_BYTES / 4;
    {
        std::vector<std::unique_ptr<byhand::Memory>> pieces;
        for (int i = 0; i < 6; i++) pieces.push_back(std::make_unique<byhand::Memory>(piece));
    }
    if (byhand::memory_counts().kept > byhand::KEPT_BYTES) fail("more memory is kept than the limit");
    try {
        const byhand::Memory impossible(SIZE_MAX);
        fail("memory of an impossible size was given");
    } catch (const std::bad_alloc&) {
    }
    const byhand::Memory nothing(0);
    if (nothing.size() != 0) fail("memory of no bytes has some");
}

void test_shared() {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([t] {
            for (int i = 0; i < 500; i++) {
                const byhand::Memory memory(64 * (1 + (i * 7 + t) % 30));
                std::memset(memory.bytes(), t, memory.size());
                for (size_t k = 0; k < memory.size(); k++)
                    if (memory.bytes()[k] != t) return fail("two threads were given the same memory");
            }
        });
    for (auto& thread : threads) thread.join();
}

}  // namespace

void test_memory() {
    test_reuse();
    test_limits();
    test_shared();
}

}  // namespace byhand::tests
