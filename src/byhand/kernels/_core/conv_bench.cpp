// Checks the convolution kernels against plain double-precision loops, then times them beside the FMA peak.
//
//   g++ -std=c++20 -O3 -march=haswell conv_bench.cpp -o /tmp/conv_avx2 && /tmp/conv_avx2
//   g++ -std=c++20 -O3 -march=haswell -mavx512f -mavx512vl -mavx512dq -mavx512bw -mprefer-vector-width=256 ...
//   g++ -std=c++20 -O3 ...                  (the baseline)
//
// With -DPOOL it uses threads.cpp (link it); without, one thread. Arguments: "check" or "time" alone.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core.hpp"
#include "threads.hpp"

#ifndef POOL  // one thread, which pretends to be several so that slots and ranges are exercised
namespace byhand {
static int pretend = 1;
static struct { float* at; long floats; } memory[64];
void parallel_for(long units, double, const std::function<void(long, long, int)>& body) {
    for (int t = 0; t < pretend; t++)
        if (units * t / pretend < units * (t + 1) / pretend)
            body(units * t / pretend, units * (t + 1) / pretend, t);
}
int threads() { return pretend; }
void set_threads(int n) { pretend = n; }
float* scratch(int slot, long floats) {
    auto& m = memory[slot];
    if (m.floats < floats) {  // kept between calls, as long as it is large enough
        std::free(m.at);
        m.at = (float*)std::aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
        m.floats = floats;
        for (long i = 0; i < floats; i++) m.at[i] = NAN;
    }
    return m.at;
}
}  // namespace byhand
#endif

namespace byhand {
namespace here {
#include "simd.hpp"
#include "conv.inl"
}  // namespace here
}  // namespace byhand

using namespace byhand;

struct Floats {
    float* at;
    long n;
    explicit Floats(long n) : at((float*)std::aligned_alloc(64, (n * 4 + 64) / 64 * 64)), n(n) {}
    Floats(const Floats&) = delete;
    ~Floats() { std::free(at); }
    void fill(std::mt19937& r) {
        std::uniform_real_distribution<float> u(-1, 1);
        for (long i = 0; i < n; i++) at[i] = u(r);
    }
    void fill(float a) { for (long i = 0; i < n; i++) at[i] = a; }
};

static Conv conv(long blocks, long C, long H, long W, long F, long KH, long KW, long S = 1, long pad = 0) {
    return {blocks, C, H, W, F, KH, KW, S, S, pad, pad, (H + 2 * pad - KH) / S + 1, (W + 2 * pad - KW) / S + 1};
}

// The largest error of the three kernels, relative to the largest value there is.
static double check(const Conv& c, int seed) {
    std::mt19937 r(seed);
    const long L = LANES, nx = c.blocks * c.C * c.H * c.W * L, ny = c.blocks * c.F * c.OH * c.OW * L;
    const long nw = c.F * c.C * c.KH * c.KW;
    Floats x(nx), w(nw), b(c.F), y(ny), dy(ny), dx(nx), dw(nw), db(c.F);
    x.fill(r), w.fill(r), b.fill(r), dy.fill(r);
    y.fill(NAN), dx.fill(NAN), dw.fill(NAN), db.fill(NAN);
    std::vector<double> ey(ny), edx(nx), edw(nw), edb(c.F);
    const bool relu = seed % 2, biased = seed % 3 != 0;
    for (long n = 0; n < c.blocks; n++) for (long f = 0; f < c.F; f++)
        for (long oy = 0; oy < c.OH; oy++) for (long ox = 0; ox < c.OW; ox++) for (long l = 0; l < L; l++) {
            const long o = (((n * c.F + f) * c.OH + oy) * c.OW + ox) * L + l;
            double sum = biased ? b.at[f] : 0;
            edb[f] += dy.at[o];
            for (long i = 0; i < c.C; i++) for (long u = 0; u < c.KH; u++) for (long v = 0; v < c.KW; v++) {
                const long h = oy * c.SH + u - c.top, k = ox * c.SW + v - c.left;
                if (h < 0 || h >= c.H || k < 0 || k >= c.W) continue;
                const long a = (((n * c.C + i) * c.H + h) * c.W + k) * L + l, e = ((f * c.C + i) * c.KH + u) * c.KW + v;
                sum += (double)w.at[e] * x.at[a];
                edx[a] += (double)w.at[e] * dy.at[o];
                edw[e] += (double)x.at[a] * dy.at[o];
            }
            ey[o] = relu && sum < 0 ? 0 : sum;
        }
    here::conv_forward(c, x.at, w.at, biased ? b.at : nullptr, y.at, relu);
    here::conv_input_gradient(c, dy.at, w.at, dx.at);
    here::conv_weight_gradient(c, x.at, dy.at, dw.at, seed % 5 ? db.at : nullptr);
    double worst = 0;
    const auto compare = [&](const std::vector<double>& e, const Floats& g, const char* what) {
        double scale = 1, error = 0;
        for (double a : e) scale = std::max(scale, std::fabs(a));
        for (long i = 0; i < g.n; i++) {
            const double d = std::fabs(e[i] - g.at[i]) / scale;
            error = d == d ? std::max(error, d) : INFINITY;
        }
        if (error > 1e-5)
            printf("WRONG %s by %.2g: blocks %ld, %ldx%ldx%ld -> %ldx%ldx%ld, kernel %ldx%ld stride %ld,%ld pad %ld,%ld\n",
                   what, error, c.blocks, c.C, c.H, c.W, c.F, c.OH, c.OW, c.KH, c.KW, c.SH, c.SW, c.top, c.left);
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
        for (long F = 1; F <= 9; F++) one(conv(2, 2, 9, 10, F, 3, 3, 1, F % 3));
        for (long C = 1; C <= 5; C++) one(conv(1, C, 9, 12, 4, 5, 5, 1, C % 4));
        for (long W = 1; W <= 32; W++) for (long pad : {0L, 1L, 2L, 3L}) for (long K : {1L, 3L, 5L, 7L})
            if (W + 2 * pad >= K && W % t == 0) one(conv(1, 2, 5 + K, W, 1 + W % 5, K, K, 1, pad));
        for (long K : {2L, 4L, 6L, 8L, 9L, 11L}) for (long S : {1L, 2L, 3L}) for (long pad : {0L, 1L, 3L})
            one(conv(2, 2, 12, 13, 5, K, K, S, pad));
        for (long K : {1L, 2L, 3L, 5L, 7L}) for (long S : {2L, 3L, 4L}) for (long pad : {0L, 2L})
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

template <class F> static double seconds(F f) {  // best of several, for one call
    using clock = std::chrono::steady_clock;
    const auto span = [&](long n) {
        const auto t = clock::now();
        for (long i = 0; i < n; i++) f();
        return std::chrono::duration<double>(clock::now() - t).count();
    };
    long n = 1;
    while (span(n) < 2e-3) n *= 2;
    double best = 1e9;
    for (int k = 0; k < 30; k++) best = std::min(best, span(n) / n);
    return best;
}

static double peak() {  // GFLOP/s of independent multiply-adds in registers
    using here::Q;
    static volatile float seed = 0.5f;
    float sink = 0;
    const long n = 20000;
    const double t = seconds([&] {
        Q sum[12], a = Q{} + seed, b = Q{} + 1e-3f;
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) sum[i] = Q{} + (float)i;
        for (long k = 0; k < n; k++) {
            asm volatile("" : "+x"(a));
            _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) sum[i] = sum[i] * a + b;
        }
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) sink += sum[i][0];
    });
    seed = sink > 1e30f ? 1 : 0.5f;
    return n * 12.0 * 2 * sizeof(Q) / 4 / t / 1e9;
}

static void time_one(const char* name, const Conv& c) {
    std::mt19937 r(1);
    const long L = LANES, nx = c.blocks * c.C * c.H * c.W * L, ny = c.blocks * c.F * c.OH * c.OW * L;
    const long nw = c.F * c.C * c.KH * c.KW;
    Floats x(nx), w(nw), b(c.F), y(ny), dy(ny), dx(nx), dw(nw), db(c.F);
    x.fill(r), w.fill(r), b.fill(r), dy.fill(r);
    const double flop = 2.0 * L * c.blocks * c.F * c.C * c.KH * c.KW * c.OH * c.OW / 1e9, top = peak() * threads();
    const double a = flop / seconds([&] { here::conv_forward(c, x.at, w.at, b.at, y.at, true); });
    const double e = flop / seconds([&] { here::conv_input_gradient(c, dy.at, w.at, dx.at); });
    const double g = flop / seconds([&] { here::conv_weight_gradient(c, x.at, dy.at, dw.at, db.at); });
    printf("%-28s %6.1f %4.0f %%   %6.1f %4.0f %%   %6.1f %4.0f %%   peak %.1f\n", name, a, 100 * a / top, e,
           100 * e / top, g, 100 * g / top, top);
    fflush(stdout);
}

int main(int argc, char** argv) {
    const std::string only = argc > 1 ? argv[1] : "";
    if (only != "time" && !(check_all() < 1e-5)) return 1;
    if (only == "check") return 0;
    if (argc > 2) set_threads(atoi(argv[2]));
    printf("GFLOP/s and share of peak     forward         input gradient   weight gradient\n");
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
