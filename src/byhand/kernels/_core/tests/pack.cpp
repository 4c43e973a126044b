// Packing images into lanes and back, and gathering them from a set of bytes.
#include "support.hpp"

namespace byhand::tests {
namespace {

void test_floats(Size n, Size features) {
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

void test_bytes(Size n, Size C, Size pixels) {
    const Size N = 37;
    std::vector<uint8_t> images(N * C * pixels);
    for (uint8_t& v : images) v = static_cast<uint8_t>(random_number() * 128 + 128);
    std::vector<int64_t> index(n);
    for (int64_t& i : index) i = static_cast<int64_t>((random_number() + 1) / 2 * N);
    const Floats scale = random_floats(C), shift = random_floats(C);

    Doubles expected;
    for (Size i = 0; i < n; i++)
        for (Size c = 0; c < C; c++)
            for (Size p = 0; p < pixels; p++)
                expected.push_back(double(images[(index[i] * C + c) * pixels + p]) * scale[c] + shift[c]);
    check(say("gather", {n, C, pixels}), expected, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks_of(n) * C * pixels * LANES, NAN);
        k.gather(n, C, pixels, images.data(), index.data(), scale.data(), shift.data(), out);
        check_padding(n, C * pixels, out, "gather");
        return from_lanes(n, C * pixels, out);
    });
}

}  // namespace

void test_pack() {
    for (Size n : {0, 1, 7, 8, 9, 100}) {
        for (Size features : {0, 1, 3, 4, 10, 257, 784}) test_floats(n, features);
        for (Size pixels : {0, 1, 15, 16, 49, 784}) test_bytes(n, pixels % 2 ? 3 : 1, pixels);
    }
}

}  // namespace byhand::tests
