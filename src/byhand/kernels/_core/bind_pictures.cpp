// Pictures of bytes for Python, moved by affine maps: augmentation (data/augment.py says what it is).
#include <algorithm>

#include "arguments.hpp"
#include "threads.hpp"

namespace byhand {
namespace {

// One plane: out[i][j] is the value of `in` between the four pixels around M (i, j, 1), from the centre.
// Beyond the border is black.
void warp_plane(long H, long W, const uint8_t* in, const float* m, uint8_t* out) {
    const float cy = static_cast<float>(H - 1) / 2, cx = static_cast<float>(W - 1) / 2;
    const auto pixel = [&](long y, long x) {
        return y < 0 || y >= H || x < 0 || x >= W ? 0.0f : static_cast<float>(in[y * W + x]);
    };
    for (long i = 0; i < H; i++)
        for (long j = 0; j < W; j++) {
            const float y = static_cast<float>(i) - cy, x = static_cast<float>(j) - cx;
            // Counted from one pixel outside of the picture, all of which is black, so that cutting off
            // the fraction rounds down.
            const float row = std::clamp(m[0] * y + m[1] * x + m[2] + (cy + 1), 0.0f, static_cast<float>(H) + 0.999f);
            const float column = std::clamp(m[3] * y + m[4] * x + m[5] + (cx + 1), 0.0f, static_cast<float>(W) + 0.999f);
            const long top = static_cast<long>(row), left = static_cast<long>(column);
            const float down = row - static_cast<float>(top), right = column - static_cast<float>(left);
            const float above = pixel(top - 1, left - 1) * (1 - right) + pixel(top - 1, left) * right;
            const float below = pixel(top, left - 1) * (1 - right) + pixel(top, left) * right;
            out[i * W + j] = static_cast<uint8_t>(above * (1 - down) + below * down + 0.5f);
        }
}

void warp(long n, long C, long H, long W, nb::handle images, nb::handle maps, nb::handle moved) {
    const long plane = H * W;
    const Array<uint8_t> in(images, n * C * plane, "the pictures"), out(moved, n * C * plane, "the result", true);
    const Array<float> map(maps, n * 6, "the maps");
    compute(20.0 * n * C * plane, [&] {
        parallel_for(n * C, 20.0 * plane, [&](long begin, long end, int) {
            for (long p = begin; p < end; p++)
                warp_plane(H, W, in.data() + p * plane, map.data() + p / C * 6, out.data() + p * plane);
        });
    });
}

}  // namespace

void bind_pictures(nb::module_& m) { m.def("warp", warp); }

}  // namespace byhand
