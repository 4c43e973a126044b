// Tests of the compiled core without Python: every kernel of every instruction set that runs here against
// plain double loops, with 1, 2, 3 and 5 threads; then the pool, from many threads and after a fork. Says
// one line for each mismatch and exits with 1. `driver bench [threads]` measures instead.
//
// test.sh compiles it with the kernels; `make core-test` does so plain and under sanitizers (the test of
// forks is left out under the thread sanitizer). Without a sanitizer no isa object may have weak symbols
// (isa.cpp says why): nm isa_*.o | grep ' [WVu] ' prints nothing.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "core.hpp"
#include "threads.hpp"

// The memory of a thread is lost in a forked child, which has no such thread: not a leak to be reported.
static bool forked_child = false;
extern "C" int __lsan_is_turned_off() { return forked_child; }

using namespace byhand;

namespace {

const double NaN = std::numeric_limits<double>::quiet_NaN();
const double INF = std::numeric_limits<double>::infinity();

int failures = 0;

void fail(const std::string& reason) {
    failures++;
    std::printf("FAILED %s\n", reason.c_str());
}

// Arrays ---------------------------------------------------------------------------------------------

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// Aligned memory of exactly so many elements, so that the address sanitizer sees every step outside.
template <class T>
class Aligned {
public:
    explicit Aligned(long size, T fill = T()) : count(size) {
        data = static_cast<T*>(::operator new(std::max(size, 1L) * sizeof(T), std::align_val_t(64)));
        std::fill(data, data + count, fill);
    }
    Aligned(const Aligned& other) : Aligned(other.count) { std::copy(other.begin(), other.end(), data); }
    Aligned& operator=(const Aligned&) = delete;
    ~Aligned() { ::operator delete(data, std::align_val_t(64)); }

    operator T*() { return data; }
    operator const T*() const { return data; }
    const T* begin() const { return data; }
    const T* end() const { return data + count; }
    long size() const { return count; }

private:
    T* data;
    long count;
};
using Lanes = Aligned<float>;

const float JUNK = 3.25f;  // in the padding lanes of activations: "finite and unspecified"

long blocks_of(long n) { return (n + LANES - 1) / LANES; }

uint32_t random_state = 1;
double random_number() {  // -1 .. 1
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) / 8388608.0 - 1;
}
Floats random_floats(long count) {
    Floats x(count);
    for (float& v : x) v = static_cast<float>(random_number());
    return x;
}

Lanes to_lanes(long n, long features, const Floats& x, float padding) {
    Lanes lanes(blocks_of(n) * features * LANES, padding);
    for (long i = 0; i < n; i++)
        for (long f = 0; f < features; f++)
            lanes[(i / LANES * features + f) * LANES + i % LANES] = x[i * features + f];
    return lanes;
}

Floats from_lanes(long n, long features, const Lanes& lanes) {
    Floats x(n * features);
    for (long i = 0; i < n; i++)
        for (long f = 0; f < features; f++)
            x[i * features + f] = lanes[(i / LANES * features + f) * LANES + i % LANES];
    return x;
}

// What must be zero in the padding lanes; `what` is said of the first that is not.
void check_padding(long n, long features, const Lanes& lanes, const char* what) {
    for (long i = n; i < blocks_of(n) * LANES; i++)
        for (long f = 0; f < features; f++)
            if (lanes[(i / LANES * features + f) * LANES + i % LANES] != 0)
                return fail(std::string(what) + ": a padding lane is not zero");
}

// Checking -------------------------------------------------------------------------------------------

const int THREADS[] = {1, 2, 3, 5};

bool close_enough(double got, double expected, double tolerance) {
    if (std::isnan(expected)) return std::isnan(got);
    if (std::isinf(expected)) return got == expected;
    return std::fabs(got - expected) <= tolerance * std::max(1.0, std::fabs(expected));
}

bool same_bits(const Floats& a, const Floats& b) {
    return a.size() == b.size() && (a.empty() || !std::memcmp(a.data(), b.data(), a.size() * sizeof(float)));
}

enum Promise { SAME_FOR_ALL_THREADS, SAME_FOR_EACH_RUN };

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

std::string say(const char* name, std::initializer_list<long> sizes) {
    std::string text = name;
    for (long size : sizes) text.append(" ").append(std::to_string(size));
    return text;
}

// Convolution ------------------------------------------------------------------------------------------

struct ConvShape {
    long C, H, W, F, KH, KW, SH, SW, top, left, OH, OW;
};

// For each product of the convolution: body(index of y, of x, of w) for one image.
template <class Body>
void for_products(const ConvShape& s, const Body& body) {
    for (long f = 0; f < s.F; f++)
        for (long i = 0; i < s.OH; i++)
            for (long j = 0; j < s.OW; j++)
                for (long c = 0; c < s.C; c++)
                    for (long u = 0; u < s.KH; u++)
                        for (long v = 0; v < s.KW; v++) {
                            const long row = i * s.SH + u - s.top, column = j * s.SW + v - s.left;
                            if (row < 0 || row >= s.H || column < 0 || column >= s.W) continue;
                            body((f * s.OH + i) * s.OW + j, (c * s.H + row) * s.W + column,
                                 ((f * s.C + c) * s.KH + u) * s.KW + v);
                        }
}

void test_conv(long n, const ConvShape& s, bool with_bias, bool with_relu) {
    const long xs = s.C * s.H * s.W, ys = s.F * s.OH * s.OW, ws = s.F * s.C * s.KH * s.KW;
    const Conv conv{blocks_of(n), s.C, s.H, s.W, s.F, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW};
    const Floats x = random_floats(n * xs), w = random_floats(ws), b = random_floats(s.F);
    const Floats dy = random_floats(n * ys);
    const Lanes x_lanes = to_lanes(n, xs, x, JUNK), dy_lanes = to_lanes(n, ys, dy, 0);

    Doubles y(n * ys), dx(n * xs), gradients(ws + (with_bias ? s.F : 0));
    for (long i = 0; i < n; i++) {
        for (long k = 0; k < ys; k++) {
            y[i * ys + k] = with_bias ? b[k / (s.OH * s.OW)] : 0;
            if (with_bias) gradients[ws + k / (s.OH * s.OW)] += dy[i * ys + k];
        }
        for_products(s, [&](long to, long from, long weight) {
            y[i * ys + to] += double(w[weight]) * x[i * xs + from];
            dx[i * xs + from] += double(w[weight]) * dy[i * ys + to];
            gradients[weight] += double(dy[i * ys + to]) * x[i * xs + from];
        });
    }
    if (with_relu)
        for (double& v : y) v = std::max(v, 0.0);

    const std::string shape =
        say("", {n, s.C, s.H, s.W, s.F, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW});
    check("conv_forward" + shape, y, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(conv.blocks * ys * LANES, NAN);
        k.conv_forward(conv, x_lanes, w.data(), with_bias ? b.data() : nullptr, out, with_relu);
        return from_lanes(n, ys, out);
    });
    check("conv_input_gradient" + shape, dx, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(conv.blocks * xs * LANES, NAN);
        k.conv_input_gradient(conv, dy_lanes, w.data(), out);
        check_padding(n, xs, out, "conv_input_gradient");
        return from_lanes(n, xs, out);
    });
    check("conv_weight_gradient" + shape, gradients, 1e-3, SAME_FOR_EACH_RUN, [&](const Kernels& k) {
        Floats out(gradients.size(), NAN);
        k.conv_weight_gradient(conv, x_lanes, dy_lanes, out.data(), with_bias ? out.data() + ws : nullptr);
        return out;
    });
}

// Packing ----------------------------------------------------------------------------------------------

void test_pack(long n, long features) {
    const Floats x = random_floats(n * features);
    const Lanes lanes = to_lanes(n, features, x, JUNK);
    const Doubles expected(x.begin(), x.end());
    check(say("pack", {n, features}), expected, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes.size(), NAN);
        k.pack(n, features, x.data(), out);
        check_padding(n, features, out, "pack");
        return from_lanes(n, features, out);
    });
    check(say("unpack", {n, features}), expected, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Floats out(n * features, NAN);
        k.unpack(n, features, lanes, out.data());
        return out;
    });
}

void test_gather(long n, long C, long pixels) {
    const long N = 37;
    std::vector<uint8_t> images(N * C * pixels);
    for (uint8_t& v : images) v = static_cast<uint8_t>(random_number() * 128 + 128);
    std::vector<int64_t> index(n);
    for (int64_t& i : index) i = static_cast<int64_t>((random_number() + 1) / 2 * N);
    const Floats scale = random_floats(C), shift = random_floats(C);

    Doubles expected;
    for (long i = 0; i < n; i++)
        for (long c = 0; c < C; c++)
            for (long p = 0; p < pixels; p++)
                expected.push_back(double(images[(index[i] * C + c) * pixels + p]) * scale[c] + shift[c]);
    check(say("gather", {n, C, pixels}), expected, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks_of(n) * C * pixels * LANES, NAN);
        k.gather(n, C, pixels, images.data(), index.data(), scale.data(), shift.data(), out);
        check_padding(n, C * pixels, out, "gather");
        return from_lanes(n, C * pixels, out);
    });
}

// Pooling ----------------------------------------------------------------------------------------------

struct PoolShape {
    long C, H, W, KH, KW, SH, SW, top, left, OH, OW;
};

// body(place in the window, index in the picture or -1 in the padding), for one window of one plane.
template <class Body>
void for_window(const PoolShape& s, long i, long j, const Body& body) {
    for (long u = 0; u < s.KH; u++)
        for (long v = 0; v < s.KW; v++) {
            const long row = i * s.SH + u - s.top, column = j * s.SW + v - s.left;
            const bool in = row >= 0 && row < s.H && column >= 0 && column < s.W;
            body(u * s.KW + v, in ? row * s.W + column : -1);
        }
}

void test_pool(long n, const PoolShape& s) {
    const long xs = s.C * s.H * s.W, ys = s.C * s.OH * s.OW;
    const Pool pool{blocks_of(n), s.C, s.H, s.W, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW};
    Floats x = random_floats(n * xs), dy = random_floats(n * ys);
    for (size_t i = 0; i < x.size(); i++) {
        x[i] = std::round(x[i] * 3);  // many equal ones
        if (i % 41 == 7) x[i] = NAN;
        if (i % 17 < 3) x[i] = static_cast<float>(-INF);
    }
    for (size_t i = 5; i < dy.size(); i += 53) dy[i] = i % 2 ? NAN : static_cast<float>(INF);
    const Lanes x_lanes = to_lanes(n, xs, x, JUNK), dy_lanes = to_lanes(n, ys, dy, 0);

    // As kernels/reference/pool.py does it: padded by -inf or 0, better where larger or NaN.
    Doubles y(n * ys), place(n * ys), dx(n * xs), mean(n * ys), dmean(n * xs);
    for (long plane = 0; plane < n * s.C; plane++)
        for (long i = 0; i < s.OH; i++)
            for (long j = 0; j < s.OW; j++) {
                const long to = (plane * s.OH + i) * s.OW + j;
                const long from = plane * s.H * s.W;
                for_window(s, i, j, [&](long number, long pixel) {
                    const double value = pixel < 0 ? -INF : x[from + pixel];
                    if (number == 0 || value > y[to] || std::isnan(value)) {
                        y[to] = value;
                        place[to] = number;
                    }
                    if (pixel >= 0) mean[to] += x[from + pixel] / (s.KH * s.KW);
                });
                for_window(s, i, j, [&](long number, long pixel) {
                    if (pixel < 0) return;
                    dx[from + pixel] += double(dy[to]) * (place[to] == number);
                    dmean[from + pixel] += double(dy[to]) / (s.KH * s.KW);
                });
            }

    const std::string shape = say("", {n, s.C, s.H, s.W, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW});
    Aligned<uint8_t> places(blocks_of(n) * ys * LANES, 255);
    check("max_pool" + shape, y, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(places.size(), NAN), again(places.size(), NAN);
        k.max_pool(pool, x_lanes, out, places);
        k.max_pool(pool, x_lanes, again, nullptr);
        if (std::memcmp(out.begin(), again.begin(), out.size() * sizeof(float)))
            fail("max_pool" + shape + ": differs without places");
        const Floats got = from_lanes(n, ys, Lanes(out));
        for (long i = 0; i < n * ys; i++)
            if (places[(i / ys / LANES * ys + i % ys) * LANES + i / ys % LANES] != place[i]) {
                fail("max_pool" + shape + ": place " + std::to_string(i) + " is wrong");
                break;
            }
        return got;
    });
    check("max_pool_backward" + shape, dx, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks_of(n) * xs * LANES, NAN);
        k.max_pool_backward(pool, dy_lanes, places, out);
        check_padding(n, xs, out, "max_pool_backward");
        return from_lanes(n, xs, out);
    });
    check("avg_pool" + shape, mean, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(places.size(), NAN);
        k.avg_pool(pool, x_lanes, out);
        return from_lanes(n, ys, out);
    });
    check("avg_pool_backward" + shape, dmean, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks_of(n) * xs * LANES, NAN);
        k.avg_pool_backward(pool, dy_lanes, out);
        check_padding(n, xs, out, "avg_pool_backward");
        return from_lanes(n, xs, out);
    });
}

// Linear -----------------------------------------------------------------------------------------------

void test_linear(long n, long I, long O, bool with_bias) {
    const long blocks = blocks_of(n);
    const Floats x = random_floats(n * I), w = random_floats(O * I), b = random_floats(O);
    const Floats dy = random_floats(n * O);
    const Lanes x_lanes = to_lanes(n, I, x, JUNK), dy_lanes = to_lanes(n, O, dy, 0);
    Doubles y(n * O), dx(n * I), gradients(O * I + (with_bias ? O : 0));
    for (long i = 0; i < n; i++)
        for (long o = 0; o < O; o++) {
            y[i * O + o] = with_bias ? b[o] : 0;
            if (with_bias) gradients[O * I + o] += dy[i * O + o];
            for (long k = 0; k < I; k++) {
                y[i * O + o] += double(x[i * I + k]) * w[o * I + k];
                dx[i * I + k] += double(dy[i * O + o]) * w[o * I + k];
                gradients[o * I + k] += double(dy[i * O + o]) * x[i * I + k];
            }
        }
    const std::string shape = say("", {n, I, O});
    check("linear" + shape, y, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks * O * LANES, NAN);
        k.linear(blocks, I, O, x_lanes, w.data(), with_bias ? b.data() : nullptr, out);
        return from_lanes(n, O, out);
    });
    check("linear_input_gradient" + shape, dx, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks * I * LANES, NAN);
        k.linear_input_gradient(blocks, I, O, dy_lanes, w.data(), out);
        check_padding(n, I, out, "linear_input_gradient");
        return from_lanes(n, I, out);
    });
    check("linear_weight_gradient" + shape, gradients, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Floats out(gradients.size(), NAN);
        k.linear_weight_gradient(blocks, I, O, x_lanes, dy_lanes, out.data(),
                                 with_bias ? out.data() + O * I : nullptr);
        return out;
    });
}

// Elementwise ------------------------------------------------------------------------------------------

void test_elementwise(long n, long features) {
    const long count = blocks_of(n) * features * LANES;
    const auto strange = [&](long every) {
        Floats x = random_floats(n * features);
        for (size_t i = 0; i < x.size(); i += every) x[i] = i % 3 ? NAN : static_cast<float>(i % 2 ? INF : -INF);
        return x;
    };
    const Floats a = strange(13), b = strange(11);
    const Lanes a_lanes = to_lanes(n, features, a, JUNK), b_lanes = to_lanes(n, features, b, 0);
    Doubles positive, masked, sum;
    for (size_t i = 0; i < a.size(); i++) {
        positive.push_back(std::isnan(a[i]) ? NaN : std::max<double>(a[i], 0));
        masked.push_back(double(b[i]) * (a[i] > 0));
        sum.push_back(double(a[i]) + b[i]);
    }
    const std::string shape = say("", {n, features});
    check("relu" + shape, positive, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(a_lanes);
        k.relu(count, out, out);
        return from_lanes(n, features, out);
    });
    check("relu_backward" + shape, masked, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(count, NAN);
        k.relu_backward(count, a_lanes, b_lanes, out);
        check_padding(n, features, out, "relu_backward");
        return from_lanes(n, features, out);
    });
    check("add" + shape, sum, 1e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(count, NAN);
        k.add(count, a_lanes, b_lanes, out);
        return from_lanes(n, features, out);
    });
}

struct Four {
    uint32_t word[4];
};

// The definition in kernels/random.py.
Four philox(Four c, uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = 0xD2511F53ull * c.word[0], p1 = 0xCD9E8D57ull * c.word[2];
        c = {{uint32_t(p1 >> 32) ^ c.word[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c.word[3] ^ k1,
              uint32_t(p0)}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

void test_dropout(long n, long features, uint64_t threshold, int64_t first) {
    const uint32_t key0 = 0x12345678u, key1 = 0x9abcdef0u;
    const float scale = 1.7f;
    Floats x = random_floats(n * features);
    for (size_t i = 0; i < x.size(); i += 29) x[i] = i % 2 ? NAN : static_cast<float>(INF);
    Doubles y, kept;
    for (long i = 0; i < n; i++)
        for (long f = 0; f < features; f++) {
            const Four words = philox({{uint32_t(f / 4), uint32_t(first + i), 0, 0}}, key0, key1);
            kept.push_back(words.word[f % 4] >= threshold);
            y.push_back(double(x[i * features + f] * scale) * kept.back());
        }
    const long blocks = blocks_of(n), count = blocks * features * LANES;
    const Lanes lanes = to_lanes(n, features, x, 0);
    Aligned<uint8_t> mask(count, 7);
    const std::string shape = say("", {n, features, long(threshold), long(first)});
    check("dropout" + shape, y, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(count, NAN);
        std::fill(mask + 0, mask + count, 7);
        k.dropout(blocks, features, lanes, out, mask, key0, key1, first, threshold, scale);
        for (long i = 0; i < n * features; i++)
            if (mask[(i / features / LANES * features + i % features) * LANES + i / features % LANES] != kept[i]) {
                fail("dropout" + shape + ": other bits than the definition");
                break;
            }
        return from_lanes(n, features, out);
    });
    check("dropout_backward" + shape, y, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(count, NAN);
        k.dropout_backward(count, lanes, mask, scale, out);
        check_padding(n, features, out, "dropout_backward");
        return from_lanes(n, features, out);
    });
}

// Loss -------------------------------------------------------------------------------------------------

void test_cross_entropy(long n, long K, double spread, bool strange) {
    Floats z = random_floats(n * K), t(n * K), dlosses = random_floats(n);
    for (float& v : z) v *= static_cast<float>(spread);
    for (long i = 0; i < n; i++) {
        for (long k = 0; k < K; k++) t[i * K + k] = 0.1f / K;
        t[i * K + i % K] += 0.9f;
        if (i % 3 == 1) std::fill(t.begin() + i * K, t.begin() + (i + 1) * K, 0.f), t[i * K + i % K] = 2;
        if (!strange) continue;
        if (i % 5 == 1) z[i * K + i % K] = NAN;
        if (i % 5 == 2) z[i * K + i % K] = static_cast<float>(INF);
        if (i % 5 == 3) z[i * K + i % K] = static_cast<float>(-INF);
        if (i % 10 == 9) z[i * K + i % K] = 3e38f, z[i * K + (i + 1) % K] = -3e38f;
    }
    Doubles losses(n), probabilities(n * K), dlogits(n * K);
    for (long i = 0; i < n; i++) {
        double largest = -INF, sum = 0, targets = 0;
        for (long k = 0; k < K; k++) {
            const double v = z[i * K + k];
            if (v > largest || std::isnan(v)) largest = v;
        }
        // The shift in float, as in the definition: it may overflow to -inf.
        const auto shifted = [&](long k) { return double(z[i * K + k] - float(largest)); };
        for (long k = 0; k < K; k++) sum += std::exp(shifted(k)), targets += t[i * K + k];
        for (long k = 0; k < K; k++) {
            const double log_probability = shifted(k) - std::log(sum);
            losses[i] -= t[i * K + k] * log_probability;
            probabilities[i * K + k] = std::exp(log_probability);
            dlogits[i * K + k] = dlosses[i] * (probabilities[i * K + k] * targets - t[i * K + k]);
        }
    }
    const std::string shape = say("", {n, K, long(spread), strange});
    const Lanes lanes = to_lanes(n, K, z, JUNK);
    Doubles both = losses;
    both.insert(both.end(), probabilities.begin(), probabilities.end());
    const double tolerance = std::max(1e-6, 5e-8 * K);  // a sum of K floats
    check("cross_entropy" + shape, both, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes p(lanes.size(), NAN);
        Floats out(n, NAN);
        k.cross_entropy(n, K, lanes, t.data(), out.data(), p);
        check_padding(n, K, p, "cross_entropy");
        const Floats plain = from_lanes(n, K, p);
        // Small probabilities to 8 units in the last place, where float still has all its places.
        for (long i = 0; i < n * K; i++)
            if (probabilities[i] > 1e-37 && std::fabs(plain[i] / probabilities[i] - 1) > 1e-6) {
                fail("cross_entropy" + shape + ": a probability is not exact enough");
                break;
            }
        out.insert(out.end(), plain.begin(), plain.end());
        return out;
    });
    const Lanes p_lanes = to_lanes(n, K, Floats(probabilities.begin(), probabilities.end()), 0);
    check("cross_entropy_backward" + shape, dlogits, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes.size(), NAN);
        k.cross_entropy_backward(n, K, dlosses.data(), p_lanes, t.data(), out);
        check_padding(n, K, out, "cross_entropy_backward");
        return from_lanes(n, K, out);
    });
}

// The choice of instruction set --------------------------------------------------------------------------

// What `body` says of itself in a child process, where the choice has not been made yet.
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

void test_choice() {
    const std::vector<std::string> isas = [] {
        std::vector<std::string> names;
        for (const char* const* isa = available(); *isa; isa++) names.push_back(*isa);
        return names;
    }();
    if (!kernels().name || isas.empty() || choose("sse9") || choose("") || choose(nullptr))
        fail("choose takes what it does not know");
    for (const std::string& isa : isas)
        if (!choose(isa.c_str()) || isa != kernels().name) fail("choose does not choose " + isa);
}

void test_environment() {
    const auto with = [](const char* value, const std::function<bool()>& body) {
        return in_child([&] {
            setenv("BYHAND_ISA", value, 1);
            return body();
        });
    };
    const auto best = [] { return !std::strcmp(kernels().name, available()[0]); };
    if (!with("", [&] { return best() && !isa_problem(); })) fail("an empty BYHAND_ISA is not the best one");
    if (!with("sse9", [&] { return best() && isa_problem() && std::strstr(isa_problem(), "'sse9'"); }))
        fail("an unknown BYHAND_ISA is not reported");
    if (!with(std::string(1000, 'x').c_str(), [&] { return best() && isa_problem(); }))
        fail("a long BYHAND_ISA is not reported");
#if defined(__x86_64__)
    if (!with("baseline", [] { return !std::strcmp(kernels().name, "baseline") && !isa_problem(); }))
        fail("BYHAND_ISA=baseline is not heard");
#endif
}

// The pool -----------------------------------------------------------------------------------------------

const double MUCH = 1e6;  // the cost of a unit that is worth a thread

// Every unit once, in ranges that depend on the numbers only.
void test_ranges() {
    for (int count : THREADS)
        for (long units : {0, 1, 2, 3, 7, 100, 1000}) {
            set_threads(count);
            std::vector<int> slot_of(units, -1);
            std::atomic<bool> wrong{false};
            parallel_for(units, MUCH, [&](long begin, long end, int slot) {
                if (slot < 0 || slot >= count || begin >= end) wrong = true;
                for (long i = begin; i < end; i++) {
                    if (slot_of[i] != -1) wrong = true;
                    slot_of[i] = slot;
                }
            });
            const long slots = std::min<long>(count, units);
            for (long slot = 0; slot < slots; slot++)
                for (long i = units * slot / slots; i < units * (slot + 1) / slots; i++)
                    if (slot_of[i] != slot) wrong = true;
            if (wrong) fail(say("parallel_for: wrong ranges", {count, units}));
        }
    set_threads(3);
    const std::thread::id self = std::this_thread::get_id();
    std::atomic<bool> moved{false};
    parallel_for(10, 1, [&](long, long, int) { moved = moved || std::this_thread::get_id() != self; });
    if (moved) fail("parallel_for: a small loop left its thread");
}

// Sum 0 .. units-1 by way of scratch memory that the caller reads after the loop; false when it is wrong.
bool sum_by_scratch(long units) {
    const int slots = threads();
    for (int slot = 0; slot < slots; slot++) scratch(slot, 100 + slot)[99] = 0;
    parallel_for(units, MUCH, [](long begin, long end, int slot) {
        float* mine = scratch(slot, 100);
        if (reinterpret_cast<uintptr_t>(mine) % 64) mine[99] = NAN;
        for (long i = begin; i < end; i++) mine[99] += static_cast<float>(i);
    });
    double sum = 0;
    for (int slot = 0; slot < slots; slot++) sum += scratch(slot, 100)[99];
    return sum == units * (units - 1) / 2.0;
}

void test_nested() {
    set_threads(3);
    std::atomic<int> sum{0};
    std::atomic<bool> shared{false};
    parallel_for(6, MUCH, [&](long begin, long end, int slot) {
        float* outer = scratch(slot, 64);
        for (long i = begin; i < end; i++) {
            outer[0] = static_cast<float>(i);
            parallel_for(10, MUCH, [&](long first, long last, int inner_slot) {
                float* inner = scratch(inner_slot, 64);
                if (inner == outer) shared = true;
                inner[0] = -1;
                for (long k = first; k < last; k++) sum += static_cast<int>(k);
                parallel_for(1, MUCH, [&](long, long, int) { scratch(0, 64)[0] = inner[0] - 1; });
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
    const long n = 100, I = 200, O = 30, blocks = blocks_of(n);
    Lanes x(blocks * I * LANES), y(blocks * O * LANES), dy(blocks * O * LANES, 0.01f), p(blocks * O * LANES);
    for (long i = 0; i < x.size(); i++) x[i] = static_cast<float>(i % 101) / 101;
    Floats w(O * I), dw(O * I), db(O), losses(n), t(n * O, 1.f / O);
    for (long i = 0; i < O * I; i++) w[i] = static_cast<float>(i % 89) / 89 - 0.5f;
    k.linear(blocks, I, O, x, w.data(), nullptr, y);
    k.linear_weight_gradient(blocks, I, O, x, dy, dw.data(), db.data());
    k.cross_entropy(n, O, y, t.data(), losses.data(), p);
    const Conv conv{blocks, 2, 10, 10, 3, 3, 3, 1, 1, 1, 1, 10, 10};
    Floats cw(54), dcw(54);
    for (long i = 0; i < 54; i++) cw[i] = static_cast<float>(i) / 54;
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
        forked_child = true;
        std::exit(sum_by_scratch(1000) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("after a fork: no clean exit");
}

// Measuring ----------------------------------------------------------------------------------------------

// The shortest time of one call, in seconds.
double best_time(const std::function<void()>& run) {
    using Clock = std::chrono::steady_clock;
    double best = 1e9;
    run();
    for (int round = 0; round < 20; round++) {
        const int times = 20;
        const auto start = Clock::now();
        for (int i = 0; i < times; i++) run();
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count() / times);
    }
    return best;
}

// Multiply-adds of registers only, one thread, GFLOP/s: what the rest is measured against.
double fma_peak() {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma")) return NaN;
    const long turns = 1000000;
    const double seconds = best_time([] {
        asm volatile(
            "vxorps %%ymm15, %%ymm15, %%ymm15\n mov %0, %%rcx\n 1:\n"
#define BYHAND_FMA(r) "vfmadd231ps %%ymm15, %%ymm15, %%ymm" #r "\n"
            BYHAND_FMA(0) BYHAND_FMA(1) BYHAND_FMA(2) BYHAND_FMA(3) BYHAND_FMA(4) BYHAND_FMA(5)
            BYHAND_FMA(6) BYHAND_FMA(7) BYHAND_FMA(8) BYHAND_FMA(9) BYHAND_FMA(10) BYHAND_FMA(11)
            "dec %%rcx\n jnz 1b\n vzeroupper"
            :
            : "r"(turns / 20)
            : "rcx", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
              "xmm11", "xmm15", "cc");
    });
    return 12.0 * 16 * (turns / 20) / seconds / 1e9;
#else
    return NaN;
#endif
}

void bench(int count) {
    set_threads(count);
    std::printf("%d threads; %.0f GFLOP/s of multiply-adds in registers on one\n", count, fma_peak());
    const double empty = best_time([] { parallel_for(64, MUCH, [](long, long, int) {}); });
    std::printf("an empty loop on all threads: %.2f us\n", empty * 1e6);

    for (const char* const* isa = available(); *isa; isa++) {
        choose(*isa);
        const Kernels& k = kernels();
        const auto say_flops = [&](const char* what, long n, long I, long O, const std::function<void()>& run) {
            const double seconds = best_time(run);
            std::printf("%-9s %-22s n=%-4ld I=%-5ld O=%-4ld %8.2f us %7.1f GFLOP/s\n", *isa, what, n, I, O,
                        seconds * 1e6, 2.0 * blocks_of(n) * LANES * I * O / seconds / 1e9);
        };
        const auto say_bytes = [&](const char* what, double bytes, const std::function<void()>& run) {
            const double seconds = best_time(run);
            std::printf("%-9s %-44s %8.2f us %7.1f GB/s\n", *isa, what, seconds * 1e6, bytes / seconds / 1e9);
        };
        const long shapes[][3] = {{100, 1152, 10}, {128, 256, 120}, {128, 120, 84}, {100, 1024, 50},
                                  {100, 169, 64},  {64, 1152, 10},  {1, 1152, 10}};
        for (const auto& [n, I, O] : shapes) {
            const long blocks = blocks_of(n);
            Lanes x(blocks * I * LANES, 0.5f), y(blocks * O * LANES, 0.5f);
            Floats w(I * O, 0.01f), b(O, 0.f);
            say_flops("linear", n, I, O, [&] { k.linear(blocks, I, O, x, w.data(), b.data(), y); });
            say_flops("linear_input_gradient", n, I, O,
                      [&] { k.linear_input_gradient(blocks, I, O, y, w.data(), x); });
            say_flops("linear_weight_gradient", n, I, O,
                      [&] { k.linear_weight_gradient(blocks, I, O, x, y, w.data(), b.data()); });
        }

        const long n = 100, blocks = blocks_of(n);
        const Pool pool{blocks, 8, 24, 24, 2, 2, 2, 2, 0, 0, 12, 12};
        Lanes x(blocks * 8 * 576 * LANES, 0.5f), y(blocks * 8 * 144 * LANES, 0.5f);
        Aligned<uint8_t> place(x.size());
        const double x_bytes = 4.0 * x.size(), y_bytes = 4.0 * y.size();
        say_bytes("max_pool 2x2 of 100 x 8 x 24 x 24", x_bytes + 1.25 * y_bytes,
                  [&] { k.max_pool(pool, x, y, place); });
        say_bytes("max_pool_backward", x_bytes + 1.25 * y_bytes, [&] { k.max_pool_backward(pool, y, place, x); });
        const Pool wide{blocks, 8, 24, 24, 3, 3, 2, 2, 1, 1, 12, 12};
        say_bytes("max_pool 3x3, stride 2, padded", x_bytes + 1.25 * y_bytes,
                  [&] { k.max_pool(wide, x, y, place); });
        say_bytes("max_pool_backward", x_bytes + 1.25 * y_bytes, [&] { k.max_pool_backward(wide, y, place, x); });
        say_bytes("avg_pool 2x2", x_bytes + y_bytes, [&] { k.avg_pool(pool, x, y); });
        say_bytes("avg_pool_backward", x_bytes + y_bytes, [&] { k.avg_pool_backward(pool, y, x); });

        Floats plain(n * 784);
        std::vector<uint8_t> images(60000L * 784);
        std::vector<int64_t> index(n);
        Lanes lanes(blocks * 784 * LANES);
        const float scale = 0.003f, shift = -0.1f;
        say_bytes("pack 100 x 784", 8.0 * n * 784, [&] { k.pack(n, 784, plain.data(), lanes); });
        say_bytes("unpack", 8.0 * n * 784, [&] { k.unpack(n, 784, lanes, plain.data()); });
        say_bytes("gather, images in the cache", 5.0 * n * 784,
                  [&] { k.gather(n, 1, 784, images.data(), index.data(), &scale, &shift, lanes); });
        say_bytes("gather, from anywhere in 60,000", 5.0 * n * 784, [&] {
            for (int64_t& i : index) i = static_cast<int64_t>((random_number() + 1) / 2 * 59999);
            k.gather(n, 1, 784, images.data(), index.data(), &scale, &shift, lanes);
        });
        say_bytes("relu of 100 x 8 x 24 x 24", 2 * x_bytes, [&] { k.relu(x.size(), x, x); });
        say_bytes("dropout", 2.25 * y_bytes, [&] {
            k.dropout(blocks, 8 * 144, y, y, place, 1, 2, 0, uint64_t(1) << 31, 1);
        });
        Lanes logits(blocks * 10 * LANES, 0.5f), p(logits.size());
        Floats t(n * 10, 0.1f), losses(n);
        say_bytes("cross_entropy 100 x 10", 12.0 * n * 10,
                  [&] { k.cross_entropy(n, 10, logits, t.data(), losses.data(), p); });
        say_bytes("cross_entropy_backward", 12.0 * n * 10,
                  [&] { k.cross_entropy_backward(n, 10, losses.data(), p, t.data(), logits); });
    }
}

void test_all() {
    test_environment();  // first: its children must be the first to choose
    test_choice();
    for (long n : {0, 1, 7, 8, 9, 100}) {
        for (long features : {0, 1, 3, 4, 10, 257, 784}) test_pack(n, features);
        for (long pixels : {0, 1, 15, 16, 49, 784}) test_gather(n, pixels % 2 ? 3 : 1, pixels);
        test_pool(n, {3, 8, 10, 2, 2, 2, 2, 0, 0, 4, 5});
        test_pool(n, {2, 9, 7, 2, 2, 2, 2, 0, 0, 4, 3});   // a row and a column left out
        test_pool(n, {2, 9, 7, 3, 3, 2, 2, 1, 1, 5, 4});   // padded, overlapping
        test_pool(n, {1, 5, 9, 2, 4, 3, 2, 0, 2, 2, 5});
        test_pool(n, {2, 7, 7, 3, 3, 1, 1, 1, 1, 7, 7});
        test_pool(n, {1, 7, 6, 2, 2, 2, 2, 1, 1, 4, 4});
        test_pool(n, {1, 3, 3, 1, 1, 2, 2, 0, 0, 2, 2});
        test_pool(n, {1, 16, 16, 16, 16, 16, 16, 0, 0, 1, 1});  // 256 places
        for (const auto& [I, O] : {std::pair{1152L, 10L}, {169L, 64L}, {1L, 1L}, {5L, 3L}, {37L, 11L}, {0L, 4L}})
            test_linear(n, I, O, I != 37);
        for (long features : {0, 1, 5, 1000}) test_elementwise(n, features);
        for (uint64_t threshold : {uint64_t(0), uint64_t(1) << 31, uint64_t(1) << 32})
            test_dropout(n, n == 100 ? 131 : 10, threshold, 5);
        for (double spread : {1.0, 30.0, 200.0})
            for (bool strange : {false, true}) test_cross_entropy(n, 10, spread, strange);
        test_cross_entropy(n, 3, 1, true);
        test_cross_entropy(n, 100, 5, true);
        if (n != 100) {
            test_conv(n, {2, 7, 9, 5, 3, 3, 1, 1, 1, 1, 7, 9}, true, true);
            test_conv(n, {1, 9, 8, 4, 5, 5, 1, 1, 0, 0, 5, 4}, true, false);
            test_conv(n, {3, 8, 7, 6, 3, 2, 2, 3, 1, 0, 4, 2}, false, true);
            test_conv(n, {5, 6, 6, 3, 1, 1, 1, 1, 0, 0, 6, 6}, false, false);
            test_conv(n, {2, 5, 5, 3, 4, 4, 1, 1, 1, 1, 5, 5}, true, false);  // more padding below
        }
    }
    test_linear(100, 256, 120, true);
    test_linear(20, 1024, 50, true);  // 3 blocks, and a stride of a page
    test_linear(12, 50, 33, true);    // 2 blocks
    test_dropout(9, 12, uint64_t(1) << 30, (int64_t(1) << 32) - 4);
    test_conv(100, {1, 28, 28, 8, 5, 5, 1, 1, 0, 0, 24, 24}, true, true);
    test_conv(100, {16, 10, 10, 16, 3, 3, 1, 1, 1, 1, 10, 10}, true, false);

    test_ranges();
    test_nested();
    for (const char* const* isa = available(); *isa; isa++) {
        choose(*isa);
        test_callers();
        test_fork();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && !std::strcmp(argv[1], "bench")) {
        bench(argc > 2 ? std::atoi(argv[2]) : 1);
        return 0;
    }
    test_all();
    if (!failures) std::printf("all right\n");
    return failures ? 1 : 0;
}
