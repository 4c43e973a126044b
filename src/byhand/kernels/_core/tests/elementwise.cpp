// ReLU, sums of two arrays and dropout, bit for bit.
#include "support.hpp"

namespace byhand::tests {
namespace {

void test_arrays(Size n, Size features) {
    const Size count = blocks_of(n) * features * LANES;
    const auto strange = [&](Size every) {
        Floats x = random_floats(n * features);
        for (size_t i = 0; i < x.size(); i += every)
            x[i] = i % 3 ? NAN : static_cast<float>(i % 2 ? INF : -INF);
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

void test_dropout(Size n, Size features, uint64_t threshold, int64_t first) {
    const uint32_t key0 = 0x12345678u, key1 = 0x9abcdef0u;
    const float scale = 1.7f;
    Floats x = random_floats(n * features);
    for (size_t i = 0; i < x.size(); i += 29) x[i] = i % 2 ? NAN : static_cast<float>(INF);
    Doubles y, kept;
    for (Size i = 0; i < n; i++)
        for (Size f = 0; f < features; f++) {
            const Four words = philox({{uint32_t(f / 4), uint32_t(first + i), 0, 0}}, key0, key1);
            kept.push_back(words.word[f % 4] >= threshold);
            y.push_back(double(x[i * features + f] * scale) * kept.back());
        }
    const Size blocks = blocks_of(n), count = blocks * features * LANES;
    const Lanes lanes = to_lanes(n, features, x, 0);
    Aligned<uint8_t> mask(count, 7);
    const std::string shape = say("", {n, features, Size(threshold), Size(first)});
    check("dropout" + shape, y, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(count, NAN);
        std::fill(mask + 0, mask + count, 7);
        k.dropout(blocks, features, lanes, out, mask, key0, key1, first, threshold, scale);
        for (Size i = 0; i < n * features; i++) {
            const Size block = i / features / LANES, lane = i / features % LANES;
            if (mask[(block * features + i % features) * LANES + lane] != kept[i]) {
                fail("dropout" + shape + ": other bits than the definition");
                break;
            }
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

}  // namespace

void test_elementwise() {
    for (Size n : {0, 1, 7, 8, 9, 100}) {
        for (Size features : {0, 1, 5, 1000}) test_arrays(n, features);
        for (uint64_t threshold : {uint64_t(0), uint64_t(1) << 31, uint64_t(1) << 32})
            test_dropout(n, n == 100 ? 131 : 10, threshold, 5);
    }
    test_dropout(9, 12, uint64_t(1) << 30, (int64_t(1) << 32) - 4);
}

}  // namespace byhand::tests
