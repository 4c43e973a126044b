// Tests of the sizes at the core's door: what does not fit is refused, steps of any size are counted by.
#include "windows.hpp"

#include <functional>

#include "support.hpp"

namespace byhand::tests {
namespace {

void test_refused(const char* what, const std::function<void()>& body) {
    try {
        body();
        fail(std::string(what) + " was not refused");
    } catch (const SizeError&) {
    }
}

void test_counts() {
    if (Size(Count(3) * 4 * 5) != 60 || Size(Count(0) * MOST_NUMBERS) != 0) fail("counts are multiplied wrongly");
    if (Size(Count(1 << 24) * (1 << 24)) != MOST_NUMBERS) fail("the largest count is refused");
    test_refused("a negative count", [] { Count(-1); });
    test_refused("a product of negative sizes", [] { (void)(Count(2) * -3); });
    test_refused("too large a count", [] { Count(MOST_NUMBERS + 1); });
    test_refused("too large a product", [] { (void)(Count(1 << 24) * ((1 << 24) + 1)); });
    // These come to 0, and to 2, in 64 bits without a sign.
    test_refused("a product that wraps to nothing", [] { (void)(Count(Size{1} << 32) * (Size{1} << 32)); });
    test_refused("a product that wraps to little", [] { (void)(Count(Size{1} << 40) * 3 * (Size{1} << 40)); });
    test_refused("nothing times too much", [] { (void)(Count(0) * (MOST_NUMBERS + 1)); });
}

void test_windows() {
    const Conv fits{0, 3, 28, 28, 8, 5, 5, 1, 1, 2, 2, 28, 28};
    checked(fits);
    const auto with = [&](Size Conv::*size, Size value) {
        Conv c = fits;
        c.*size = value;
        return c;
    };
    for (Size Conv::*size : {&Conv::C, &Conv::H, &Conv::W, &Conv::F, &Conv::KH, &Conv::KW, &Conv::SH, &Conv::SW,
                             &Conv::top, &Conv::left, &Conv::OH, &Conv::OW}) {
        test_refused("a negative size", [&] { checked(with(size, -1)); });
        test_refused("a size of 2^62", [&] { checked(with(size, Size{1} << 62)); });
    }
    for (Size Conv::*size : {&Conv::KH, &Conv::KW, &Conv::SH, &Conv::SW})
        test_refused("a window without a size", [&] { checked(with(size, 0)); });
    const Size padding = (Size{1} << 30) - 2, output = 4 + 2 * padding;
    test_refused("padding of 2^30 - 2", [&] { checked(Conv{0, 1, 4, 4, 1, 1, 1, 1, 1, padding, padding, output, output}); });
    test_refused("padding of 2^31 - 2", [&] {
        checked(Pool{0, 1, 4, 4, 1, 1, 1, 1, 2 * padding + 2, 2 * padding + 2, 2 * output, 2 * output});
    });
    const Conv many = blocks_in(fits, Size{1} << 40);
    test_refused("too many blocks", [&] { x_floats(many); });
    test_refused("a negative number of blocks", [&] { blocks_in(fits, -1); });
}

// A step of 2^48 costs no time, and gives what one of the picture's size does.
void test_steps() {
    const Size far = MOST_NUMBERS;
    const Size blocks = 2, C = 3, F = 4, K = 2, H = 6, top = 1;
    const Conv c = blocks_in(checked(Conv{0, C, H, H, F, K, K, far, far, top, top, 1, 1}), blocks);
    if (c.SH > H + top || c.SW > H + top) fail("a step beyond the picture is not shortened");
    const Floats w = random_floats(weights(c)), dy = random_floats(blocks * LANES * F);
    const Lanes g = to_lanes(blocks * LANES, F, dy, 0);
    Doubles expected(blocks * LANES * C * H * H, 0.0);
    for (Size n = 0; n < blocks * LANES; n++)
        for (Size f = 0; f < F; f++)
            for (Size i = 0; i < C; i++)
                for (Size u = top; u < K; u++)
                    for (Size v = top; v < K; v++)
                        expected[((n * C + i) * H + u - top) * H + v - top] +=
                            static_cast<double>(dy[n * F + f]) * w[((f * C + i) * K + u) * K + v];
    check("a step beyond the picture", expected, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes dx(x_floats(c));
        k.conv_input_gradient(c, g, w.data(), dx);
        return from_lanes(blocks * LANES, C * H * H, dx);
    });
}

}  // namespace

void test_sizes() {
    test_counts();
    test_windows();
    test_steps();
}

}  // namespace byhand::tests
