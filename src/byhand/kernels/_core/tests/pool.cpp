// Max and average pooling against plain loops, with NaN and infinities.
#include "support.hpp"

namespace byhand::tests {
namespace {

struct PoolShape {
    Size C, H, W, KH, KW, SH, SW, top, left, OH, OW;
};

// body(place in the window, index in the picture or -1 in the padding), for one window of one plane.
template <class Body>
void for_window(const PoolShape& s, Size i, Size j, const Body& body) {
    for (Size u = 0; u < s.KH; u++)
        for (Size v = 0; v < s.KW; v++) {
            const Size row = i * s.SH + u - s.top, column = j * s.SW + v - s.left;
            const bool in = row >= 0 && row < s.H && column >= 0 && column < s.W;
            body(u * s.KW + v, in ? row * s.W + column : -1);
        }
}

void test_shape(Size n, const PoolShape& s) {
    const Size xs = s.C * s.H * s.W, ys = s.C * s.OH * s.OW;
    const Pool pool{blocks_of(n), s.C, s.H, s.W, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW};
    Floats x = random_floats(n * xs), dy = random_floats(n * ys);
    for (size_t i = 0; i < x.size(); i++) {
        x[i] = std::round(x[i] * 3);  // many equal ones
        if (i % 41 == 7) x[i] = NAN;
        if (i % 17 < 3) x[i] = static_cast<float>(-INF);
    }
    for (size_t i = 5; i < dy.size(); i += 53) dy[i] = i % 2 ? NAN : static_cast<float>(INF);
    const Lanes x_lanes = to_lanes(n, xs, x, JUNK), dy_lanes = to_lanes(n, ys, dy, 0);

    // As kernels/reference/pool.py does it: padded by -inf or 0, better where larger or NaN; padding never wins.
    Doubles y(n * ys), place(n * ys), dx(n * xs), mean(n * ys), dmean(n * xs);
    for (Size plane = 0; plane < n * s.C; plane++)
        for (Size i = 0; i < s.OH; i++)
            for (Size j = 0; j < s.OW; j++) {
                const Size to = (plane * s.OH + i) * s.OW + j;
                const Size from = plane * s.H * s.W;
                y[to] = -INF;  // of these, the first inside of the picture
                place[to] = std::max<Size>(s.top - i * s.SH, 0) * s.KW + std::max<Size>(s.left - j * s.SW, 0);
                for_window(s, i, j, [&](Size number, Size pixel) {
                    const double value = pixel < 0 ? -INF : x[from + pixel];
                    if (value > y[to] || std::isnan(value)) {
                        y[to] = value;
                        place[to] = number;
                    }
                    if (pixel >= 0) mean[to] += x[from + pixel] / (s.KH * s.KW);
                });
                for_window(s, i, j, [&](Size number, Size pixel) {
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
        for (Size i = 0; i < n * ys; i++)
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

void test_global(Size n, Size C, Size P) {
    Floats x = random_floats(n * C * P);
    const Floats dy = random_floats(n * C);
    for (size_t i = 11; i < x.size(); i += 301) x[i] = i % 2 ? NAN : INFINITY;
    Doubles y(n * C), dx;
    for (Size i = 0; i < n * C * P; i++) {
        y[i / P] += double(x[i]) / P;
        dx.push_back(double(dy[i / P]) / P);
    }
    const Lanes x_lanes = to_lanes(n, C * P, x, JUNK), dy_lanes = to_lanes(n, C, dy, 0);
    check(say("global_avg_pool", {n, C, P}), y, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes.size(), NAN);
        k.global_avg_pool(blocks_of(n) * C, P, x_lanes, out);
        return from_lanes(n, C, out);
    });
    check(say("global_avg_pool_backward", {n, C, P}), dx, 1e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(x_lanes.size(), NAN);
        k.global_avg_pool_backward(blocks_of(n) * C, P, dy_lanes, out);
        check_padding(n, C * P, out, "global_avg_pool_backward");
        return from_lanes(n, C * P, out);
    });
}

}  // namespace

void test_pool() {
    for (Size n : {0, 1, 7, 8, 9, 100}) {
        test_shape(n, {3, 8, 10, 2, 2, 2, 2, 0, 0, 4, 5});
        test_shape(n, {2, 9, 7, 2, 2, 2, 2, 0, 0, 4, 3});   // a row and a column left out
        test_shape(n, {2, 9, 7, 3, 3, 2, 2, 1, 1, 5, 4});   // padded, overlapping
        test_shape(n, {1, 5, 9, 2, 4, 3, 2, 0, 2, 2, 5});
        test_shape(n, {2, 7, 7, 3, 3, 1, 1, 1, 1, 7, 7});
        test_shape(n, {1, 7, 6, 2, 2, 2, 2, 1, 1, 4, 4});
        test_shape(n, {1, 3, 3, 1, 1, 2, 2, 0, 0, 2, 2});
        test_shape(n, {1, 16, 16, 16, 16, 16, 16, 0, 0, 1, 1});  // 256 places
        for (Size P : {1, 3, 4, 49, 784}) test_global(n, 5, P);
    }
}

}  // namespace byhand::tests
