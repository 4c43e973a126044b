// The shared parts of the tests.
#include "support.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

// The memory of a thread is lost in a forked child, which has no such thread: not a leak to be reported.
static bool forked_child = false;
extern "C" int __lsan_is_turned_off() { return forked_child; }

namespace byhand::tests {

namespace {
int failure_count = 0;
uint32_t random_state = 1;
}  // namespace

int failures() { return failure_count; }

void fail(const std::string& reason) {
    failure_count++;
    std::printf("FAILED %s\n", reason.c_str());
}

void seed_random(uint32_t seed) { random_state = seed; }

double random_number() {  // -1 .. 1
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) / 8388608.0 - 1;
}
Floats random_floats(Size count) {
    Floats x(count);
    for (float& v : x) v = static_cast<float>(random_number());
    return x;
}

Lanes to_lanes(Size n, Size features, const Floats& x, float padding) {
    Lanes lanes(blocks_of(n) * features * LANES, padding);
    for (Size i = 0; i < n; i++)
        for (Size f = 0; f < features; f++)
            lanes[(i / LANES * features + f) * LANES + i % LANES] = x[i * features + f];
    return lanes;
}

Floats from_lanes(Size n, Size features, const Lanes& lanes) {
    Floats x(n * features);
    for (Size i = 0; i < n; i++)
        for (Size f = 0; f < features; f++)
            x[i * features + f] = lanes[(i / LANES * features + f) * LANES + i % LANES];
    return x;
}

// What must be zero in the padding lanes; `what` is said of the first that is not.
void check_padding(Size n, Size features, const Lanes& lanes, const char* what) {
    for (Size i = n; i < blocks_of(n) * LANES; i++)
        for (Size f = 0; f < features; f++)
            if (lanes[(i / LANES * features + f) * LANES + i % LANES] != 0)
                return fail(std::string(what) + ": a padding lane is not zero");
}

bool close_enough(double got, double expected, double tolerance) {
    if (std::isnan(expected)) return std::isnan(got);
    if (std::isinf(expected)) return got == expected;
    return std::fabs(got - expected) <= tolerance * std::max(1.0, std::fabs(expected));
}

bool same_bits(const Floats& a, const Floats& b) {
    return a.size() == b.size() && (a.empty() || !std::memcmp(a.data(), b.data(), a.size() * sizeof(float)));
}

// Run an operation on all instruction sets and thread counts, twice each, against what is expected.
void check(const std::string& name, const Doubles& expected, double tolerance, Promise promise,
           const std::function<Floats(const Kernels&)>& run) {
    for (const char* const* isa = available(); *isa; isa++) {
        if (!choose(*isa)) return fail(std::string(*isa) + " is available, but cannot be chosen");
        Floats first;
        for (int count : THREADS) {
            set_threads(count);
            const std::string where = name + " on " + *isa + " with " + std::to_string(count) + " threads";
            const Floats got = run(kernels());
            if (got.size() != expected.size()) return fail(where + ": wrong size");
            for (size_t i = 0; i < got.size(); i++)
                if (!close_enough(got[i], expected[i], tolerance))
                    return fail(where + ": number " + std::to_string(i) + " is " + std::to_string(got[i]) +
                                ", not " + std::to_string(expected[i]));
            if (!same_bits(got, run(kernels()))) fail(where + ": a second run differs");
            if (first.empty()) first = got;
            if (promise == SAME_FOR_ALL_THREADS && !same_bits(got, first))
                fail(where + ": other bits than with one thread");
        }
    }
}

std::string say(const char* name, std::initializer_list<Size> sizes) {
    std::string text = name;
    for (Size size : sizes) text.append(" ").append(std::to_string(size));
    return text;
}

bool in_child(const std::function<bool()>& body) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        _exit(body() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void forked() { forked_child = true; }

}  // namespace byhand::tests
