// Checks the convolution kernels against plain double-precision loops, then times them beside the FMA peak.
//
//   sh test.sh FOLDER -O3 conv fused
//   g++ -std=c++20 -O3 conv_bench.cpp FOLDER/{isa_*,dispatch,threads}.o -pthread -o FOLDER/conv_bench
//   FOLDER/conv_bench check            or
//   FOLDER/conv_bench time [threads]   BYHAND_ISA chooses the instruction set
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core.hpp"
#include "threads.hpp"

using namespace byhand;

struct Floats {
    float* at;
    Size n;
    explicit Floats(Size n) : at((float*)std::aligned_alloc(64, (n * 4 + 64) / 64 * 64)), n(n) {}
    Floats(const Floats&) = delete;
    ~Floats() { std::free(at); }
    void fill(std::mt19937& r) {
        std::uniform_real_distribution<float> u(-1, 1);
        for (Size i = 0; i < n; i++) at[i] = u(r);
    }
    void fill(float a) { for (Size i = 0; i < n; i++) at[i] = a; }
};

static Conv conv(Size blocks, Size C, Size H, Size W, Size F, Size KH, Size KW, Size S = 1, Size pad = 0) {
    return {blocks, C, H, W, F, KH, KW, S, S, pad, pad, (H + 2 * pad - KH) / S + 1, (W + 2 * pad - KW) / S + 1};
}

// The largest error of the three kernels, relative to the largest value there is.
static double check(const Conv& c, int seed) {
    std::mt19937 r(seed);
    const Size L = LANES, nx = c.blocks * c.C * c.H * c.W * L, ny = c.blocks * c.F * c.OH * c.OW * L;
    const Size nw = c.F * c.C * c.KH * c.KW;
    Floats x(nx), w(nw), b(c.F), y(ny), dy(ny), dx(nx), dw(nw), db(c.F);
    x.fill(r), w.fill(r), b.fill(r), dy.fill(r);
    y.fill(NAN), dx.fill(NAN), dw.fill(NAN), db.fill(NAN);
    std::vector<double> ey(ny), edx(nx), edw(nw), edb(c.F);
    const bool relu = seed % 2, biased = seed % 3 != 0;
    for (Size n = 0; n < c.blocks; n++) for (Size f = 0; f < c.F; f++)
        for (Size oy = 0; oy < c.OH; oy++) for (Size ox = 0; ox < c.OW; ox++) for (Size l = 0; l < L; l++) {
            const Size o = (((n * c.F + f) * c.OH + oy) * c.OW + ox) * L + l;
            double sum = biased ? b.at[f] : 0;
            edb[f] += dy.at[o];
            for (Size i = 0; i < c.C; i++) for (Size u = 0; u < c.KH; u++) for (Size v = 0; v < c.KW; v++) {
                const Size h = oy * c.SH + u - c.top, k = ox * c.SW + v - c.left;
                if (h < 0 || h >= c.H || k < 0 || k >= c.W) continue;
                const Size a = (((n * c.C + i) * c.H + h) * c.W + k) * L + l;
                const Size e = ((f * c.C + i) * c.KH + u) * c.KW + v;
                sum += (double)w.at[e] * x.at[a];
                edx[a] += (double)w.at[e] * dy.at[o];
                edw[e] += (double)x.at[a] * dy.at[o];
            }
            ey[o] = relu && sum < 0 ? 0 : sum;
        }
    kernels().conv_forward(c, x.at, w.at, biased ? b.at : nullptr, y.at, relu);
    kernels().conv_input_gradient(c, dy.at, w.at, dx.at);
    kernels().conv_weight_gradient(c, x.at, dy.at, dw.at, seed % 5 ? db.at : nullptr);
    double worst = 0;
    const auto compare = [&](const std::vector<double>& e, const Floats& g, const char* what) {
        double scale = 1, error = 0;
        for (double a : e) scale = std::max(scale, std::fabs(a));
        for (Size i = 0; i < g.n; i++) {
            const double d = std::fabs(e[i] - g.at[i]) / scale;
            error = d == d ? std::max(error, d) : INFINITY;
        }
        if (error > 1e-5)
            printf("WRONG %s by %.2g: blocks %ld, %ldx%ldx%ld -> %ldx%ldx%ld, kernel %ldx%ld "
                   "stride %ld,%ld pad %ld,%ld\n", what, error, c.blocks, c.C, c.H, c.W, c.F, c.OH, c.OW,
                   c.KH, c.KW, c.SH, c.SW, c.top, c.left);
        worst = std::max(worst, error);
    };
    compare(ey, y, "y"), compare(edx, dx, "dx"), compare(edw, dw, "dw");
    if (seed % 5) compare(edb, db, "db");
    return worst;
}

static double check_all() {
    double worst = 0;
    int seed = 1, cases = 0;
    const auto one = [&](const Conv& c) { worst = std::max(worst, check(c, seed++)), cases++; };
    for (int t : {1, 2, 3, 5}) {
        set_threads(t);
        for (Size F = 1; F <= 9; F++) one(conv(2, 2, 9, 10, F, 3, 3, 1, F % 3));
        for (Size C = 1; C <= 5; C++) one(conv(1, C, 9, 12, 4, 5, 5, 1, C % 4));
        for (Size W = 1; W <= 32; W++) for (Size pad : {0L, 1L, 2L, 3L}) for (Size K : {1L, 3L, 5L, 7L})
            if (W + 2 * pad >= K && W % t == 0) one(conv(1, 2, 5 + K, W, 1 + W % 5, K, K, 1, pad));
        for (Size K : {2L, 4L, 6L, 8L, 9L, 11L}) for (Size S : {1L, 2L, 3L}) for (Size pad : {0L, 1L, 3L})
            one(conv(2, 2, 12, 13, 5, K, K, S, pad));
        for (Size K : {1L, 2L, 3L, 5L, 7L}) for (Size S : {2L, 3L, 4L}) for (Size pad : {0L, 2L})
            one(conv(2, 3, 11, 14, 7, K, K, S, pad));
        one({2, 3, 9, 11, 4, 3, 5, 1, 1, 1, 2, 9, 11});   // not square
        one({2, 3, 9, 11, 4, 3, 5, 2, 1, 0, 2, 4, 11});   // two strides
        one({2, 3, 9, 11, 4, 3, 3, 1, 2, 0, 1, 8, 6});    // padding below and right only, or more there
        one({2, 3, 9, 11, 4, 3, 3, 1, 1, 0, 0, 9, 11});
        one({2, 3, 9, 11, 4, 5, 5, 1, 1, 4, 4, 13, 15});  // full
        one({2, 3, 9, 11, 4, 3, 3, 1, 1, 5, 6, 17, 20});  // padding beyond the kernel
        one({2, 3, 9, 11, 4, 3, 3, 1, 1, 5, 6, 4, 4});    // only padding
        one({2, 3, 9, 11, 4, 4, 2, 2, 2, 5, 6, 2, 2});    // only padding
        one({2, 3, 9, 11, 4, 3, 3, 1, 1, 0, 0, 4, 3});    // unused rows and columns
        one({2, 3, 9, 11, 4, 3, 3, 2, 3, 0, 0, 2, 2});
        one({2, 3, 2, 2, 4, 5, 5, 1, 1, 2, 2, 2, 2});     // kernel larger than picture
        one({2, 3, 3, 1, 4, 7, 7, 1, 1, 3, 3, 3, 1});
        one({2, 3, 3, 2, 4, 11, 11, 1, 1, 5, 5, 3, 2});
        one({3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1});
        one({0, 3, 9, 11, 4, 3, 3, 1, 1, 1, 1, 9, 11});   // nothing
        one({2, 3, 2, 2, 4, 3, 3, 1, 1, 0, 0, 0, 0});
        one({2, 3, 0, 0, 4, 3, 3, 1, 1, 1, 1, 0, 0});
        one({2, 3, 0, 0, 4, 3, 3, 1, 1, 2, 2, 2, 2});
        one(conv(3, 17, 8, 8, 13, 3, 3, 1, 1));
    }
    set_threads(1);
    printf("%d cases, largest error %.2g\n", cases, worst);
    return worst;
}

// The median seconds of one call of each, all of them measured in turn.
static std::vector<double> seconds(const std::vector<std::function<void()>>& calls) {
    using clock = std::chrono::steady_clock;
    const auto span = [&](const auto& call, Size n) {
        const auto t = clock::now();
        for (Size i = 0; i < n; i++) call();
        return std::chrono::duration<double>(clock::now() - t).count();
    };
    std::vector<Size> n;
    for (const auto& call : calls) {
        n.push_back(1);
        while (span(call, n.back()) < 1e-3) n.back() *= 2;
    }
    std::vector<std::vector<double>> times(calls.size());
    for (int round = 0; round < 41; round++)
        for (size_t i = 0; i < calls.size(); i++) times[i].push_back(span(calls[i], n[i]) / n[i]);
    std::vector<double> medians;
    for (auto& t : times) {
        std::nth_element(t.begin(), t.begin() + t.size() / 2, t.end());
        medians.push_back(t[t.size() / 2]);
    }
    return medians;
}

// Everything of one shape as a share of the peak of all threads, by the operations of the convolution alone:
// forward, input gradient, weight gradient; then with ReLU and max pooling, each beside the same in separate
// steps: forward for training, for inference, weight gradient.
static void time_one(const char* name, const Conv& c) {
    std::mt19937 r(1);
    const Size L = LANES, nx = c.blocks * c.C * c.H * c.W * L, ny = c.blocks * c.F * c.OH * c.OW * L;
    const Size nw = c.F * c.C * c.KH * c.KW;
    Floats x(nx), w(nw), b(c.F), y(ny), dy(ny), dx(nx), dw(nw), db(c.F), pooled(ny), dpooled(ny);
    std::vector<uint8_t> place(ny);
    x.fill(r), w.fill(r), b.fill(r), dy.fill(r), dpooled.fill(r);
    const Kernels& k = kernels();
    const Pool pool{c.blocks, c.F, c.OH, c.OW, 2, 2, 2, 2, 0, 0, c.OH / 2, c.OW / 2};
    k.conv_pool(c, x.at, w.at, b.at, pooled.at, place.data());
    const double flop = 2.0 * L * c.blocks * c.F * c.C * c.KH * c.KW * c.OH * c.OW;
    constexpr Size TURNS = 2000;
    const auto t = seconds({
        [&] { static volatile float sink; sink = k.multiply_adds(TURNS); (void)sink; },
        [&] { k.conv_forward(c, x.at, w.at, b.at, y.at, true); },
        [&] { k.conv_input_gradient(c, dy.at, w.at, dx.at); },
        [&] { k.conv_weight_gradient(c, x.at, dy.at, dw.at, db.at); },
        [&] { k.conv_pool(c, x.at, w.at, b.at, pooled.at, place.data()); },
        [&] {
            k.conv_forward(c, x.at, w.at, b.at, y.at, true);
            k.max_pool(pool, y.at, pooled.at, place.data());
        },
        [&] { k.conv_pool(c, x.at, w.at, b.at, pooled.at, nullptr); },
        [&] {
            k.conv_forward(c, x.at, w.at, b.at, y.at, true);
            k.max_pool(pool, y.at, pooled.at, nullptr);
        },
        [&] { k.conv_pool_weight_gradient(c, x.at, dpooled.at, place.data(), dw.at, db.at); },
        [&] {
            k.max_pool_backward(pool, dpooled.at, place.data(), dy.at);
            k.conv_weight_gradient(c, x.at, dy.at, dw.at, db.at);
        },
    });
    const double top = TURNS * k.operations_per_turn / t[0] * threads();
    const auto share = [&](int i) { return 100 * flop / top / t[i]; };
    printf("%-27s %7.1f us %4.0f %4.0f %4.0f   | %4.0f (%3.0f)   %4.0f (%3.0f)   %4.0f (%3.0f)\n", name,
           t[1] * 1e6, share(1), share(2), share(3), share(4), share(5), share(6), share(7), share(8),
           share(9));
    fflush(stdout);
}

int main(int argc, char** argv) {
    const std::string only = argc > 1 ? argv[1] : "";
    if (only != "time" && !(check_all() < 1e-5)) return 1;
    if (only == "check") return 0;
    if (argc > 2) set_threads(atoi(argv[2]));
    printf("%s, %d threads; %% of peak              y   dx   dw   |  pooled, for training; inference; dw "
           "(apart)\n",
           kernels().name, threads());
    time_one("one_conv, 1 block", conv(1, 1, 28, 28, 8, 5, 5));
    time_one("one_conv 1->8 5x5 28", conv(8, 1, 28, 28, 8, 5, 5));
    time_one("two_conv 1->4 5x5 28", conv(13, 1, 28, 28, 4, 5, 5));
    time_one("two_conv 4->16 3x3 12", conv(13, 4, 12, 12, 16, 3, 3));
    time_one("tiny 1->1 3x3 28", conv(8, 1, 28, 28, 1, 3, 3));
    time_one("lenet5 1->6 5x5 28", conv(16, 1, 28, 28, 6, 5, 5));
    time_one("lenet5 6->16 5x5 12", conv(16, 6, 12, 12, 16, 5, 5));
    time_one("deep 1->16 3x3 p1 28", conv(13, 1, 28, 28, 16, 3, 3, 1, 1));
    time_one("deep 16->16 3x3 p1 28", conv(13, 16, 28, 28, 16, 3, 3, 1, 1));
    time_one("deep 16->32 3x3 p1 14", conv(13, 16, 14, 14, 32, 3, 3, 1, 1));
    time_one("deep 32->32 3x3 p2 14", conv(13, 32, 14, 14, 32, 3, 3, 1, 2));
    time_one("deep 32->64 3x3 p1 8", conv(13, 32, 8, 8, 64, 3, 3, 1, 1));
    time_one("deep 64->64 3x3 p1 8", conv(13, 64, 8, 8, 64, 3, 3, 1, 1));
    time_one("16->16 1x1 14", conv(13, 16, 14, 14, 16, 1, 1));
    time_one("8->8 7x7 p3 14", conv(13, 8, 14, 14, 8, 7, 7, 1, 3));
    time_one("8->8 7x7 14", conv(13, 8, 14, 14, 8, 7, 7));
    time_one("16->16 3x3 stride 2 p1 28", conv(13, 16, 28, 28, 16, 3, 3, 2, 1));
    time_one("16->16 2x2 14", conv(13, 16, 14, 14, 16, 2, 2));
    time_one("16->16 4x4 stride 2 p1 14", conv(13, 16, 14, 14, 16, 4, 4, 2, 1));
    time_one("4->4 11x11 p5 28", conv(4, 4, 28, 28, 4, 11, 11, 1, 5));
}
