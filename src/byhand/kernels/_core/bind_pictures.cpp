// Pictures of bytes for Python, moved by affine maps and fields: augmentation (kernels/reference/warp.py says what it is).
#include <algorithm>

#include "arguments.hpp"
#include "threads.hpp"

namespace byhand {
namespace {

// One plane: out[i][j] is the value of `in` between the four pixels around M (i, j, 1), from the centre,
// moved on by field[0][i][j] down and field[1][i][j] across, if there is one. `padded` has room for the
// plane with a border of one pixel, which is black, as is all that is farther out.
template <bool FIELD>
void warp_plane(Size H, Size W, const uint8_t* in, const float* m, const float* field, float* padded, uint8_t* out) {
    const float cy = static_cast<float>(H - 1) / 2, cx = static_cast<float>(W - 1) / 2;
    const Size wide = W + 2;
    std::fill(padded, padded + (H + 2) * wide, 0.0f);
    for (Size i = 0; i < H; i++) std::copy(in + i * W, in + (i + 1) * W, padded + (i + 1) * wide + 1);
    for (Size i = 0; i < H; i++)
        for (Size j = 0; j < W; j++) {
            const float y = static_cast<float>(i) - cy, x = static_cast<float>(j) - cx;
            float from_y = m[0] * y + m[1] * x + m[2], from_x = m[3] * y + m[4] * x + m[5];
            if constexpr (FIELD) {
                from_y += field[i * W + j];
                from_x += field[(H + i) * W + j];
            }
            // Counted from the border, so that cutting off the fraction rounds down. What is no number (maps
            // may hold infinities) becomes 0, unlike with std::clamp.
            const float row = std::max(0.0f, std::min(from_y + (cy + 1), static_cast<float>(H) + 0.999f));
            const float column = std::max(0.0f, std::min(from_x + (cx + 1), static_cast<float>(W) + 0.999f));
            // From 32,768 pixels on, float rounds H + 0.999 up to H + 1, where the border has ended.
            const Size top = std::min(static_cast<Size>(row), H), left = std::min(static_cast<Size>(column), W);
            const float down = row - static_cast<float>(top), right = column - static_cast<float>(left);
            const float* at = padded + top * wide + left;
            const float above = at[0] * (1 - right) + at[1] * right;
            const float below = at[wide] * (1 - right) + at[wide + 1] * right;
            out[i * W + j] = static_cast<uint8_t>(above * (1 - down) + below * down + 0.5f);
        }
}

void warp(Size n, Size C, Size H, Size W, nb::handle images, nb::handle maps, nb::handle field,
          nb::handle moved) {
    const Size plane = Count(H) * W, all = Count(n) * C * plane, padded_plane = Count(H + 2) * (W + 2);
    const Array<uint8_t> in(images, all, "the pictures"), out(moved, all, "the result", true);
    const Array<float> map(maps, Count(n) * 6, "the maps"), by(field, Count(n) * 2 * plane, "the field");  // null for None
    if (plane == 0) return;
    compute(20.0 * all, [&] {
        parallel_for(n * C, 20.0 * plane, [&](Size begin, Size end, int slot) {
            float* padded = scratch(slot, padded_plane);
            for (Size p = begin; p < end; p++) {
                const Size picture = p / C;
                const uint8_t* from = in.data() + p * plane;
                const float* m = map.data() + picture * 6;
                uint8_t* to = out.data() + p * plane;
                if (by.data())
                    warp_plane<true>(H, W, from, m, by.data() + picture * 2 * plane, padded, to);
                else
                    warp_plane<false>(H, W, from, m, nullptr, padded, to);
            }
        });
    });
}

}  // namespace

void bind_pictures(nb::module_& m) {
    m.def("warp", warp, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
}

}  // namespace byhand
