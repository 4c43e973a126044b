// Convolution, ReLU and max pooling of windows 2 x 2 side by side in one pass, and the weight gradient through
// all three; included inside the namespace of one instruction set, after conv.inl and pool.inl.
//
// The convolution of a few rows and channels goes to scratch memory, so little of it that it is still in the
// nearest cache when it is pooled; backward, the gradient before the pooling, three quarters zeros, is made
// there from that behind it, or not at all (chosen_products). ReLU comes after the maximum, which is the same
// and a quarter of the work. Where the reference multiplies zero gradients of an odd last row or column with
// x, these products are left out: a NaN in x that only they meet stays unseen.

#include "winograd_pooled.inl"

// Bytes of convolution at a time, which stay in the first-level cache beside what else is read.
constexpr Size NEAR = 16 * 1024;

// BLOCKED where the maximum is not above zero, a NaN included.
static inline M blocked_or(M place, V maximum) {
    const M passes = above(maximum, V{});
    return (passes & place) | (~passes & (int32_t)BLOCKED);
}

// One row of windows, as max_row and max_row_with_nan (pool.inl) with a ReLU behind.
template <bool Keep>
static void relu_max_row(Size OW, const V* upper, const V* lower, V* y, uint8_t* place) {
    M strange = {};
    for (Size j = 0; j < OW; j++) {
        const V a = upper[2 * j], b = upper[2 * j + 1], c = lower[2 * j], d = lower[2 * j + 1];
        const V first = larger(b, a), second = larger(d, c), maximum = larger(second, first);
        y[j] = larger(maximum, V{});
        strange |= is_nan((a + b) + (c + d));
        if (!Keep) continue;
        // Masks are 0 or -1: place 0 or 1 above, 2 or 3 below.
        const M right = above(b, a), lower_right = above(d, c), down = above(second, first);
        narrow(blocked_or((down & (2 - lower_right)) | (~down & -right), maximum), place + j * LANES);
    }
    if (!any(strange)) return;
    max_row_with_nan<Keep>(OW, upper, lower, y, place);
    for (Size j = 0; j < OW; j++) {
        if (Keep) narrow(blocked_or(widen(place + j * LANES), y[j]), place + j * LANES);
        y[j] = pick(above(V{}, y[j]), V{}, y[j]);
    }
}

static void conv_pool(const Conv& c, const float* x, const float* w, const float* b, float* y, uint8_t* place) {
    const Size PH = c.OH / 2, PW = c.OW / 2;
    if (c.blocks <= 0 || c.F <= 0 || PH <= 0 || PW <= 0) return;
    if (winograd::pool(c, x, w, b, y, place)) return;
    // Rows of convolution are kept in sets of `band` pairs; an odd last row or column is not worked out.
    const Size band = least(PH, most(1, NEAR / (2 * 4 * 2 * PW * LANES * (Size)sizeof(float))));
    const Plan plan({.blocks = c.blocks, .I = c.C, .IH = c.H, .IW = c.W, .O = c.F,
                     .OH = 2 * band, .OW = 2 * PW, .nu = c.KH, .nv = c.KW, .ny = 2 * PH, .nx = 2 * PW,
                     .iy = -c.top, .ix = -c.left, .iys = c.SH, .ixs = c.SW,
                     .oy = 0, .ox = 0, .oys = 1, .oxs = 1});
    const Split& channels = plan.channels;
    const Size filter = c.C * c.KH * c.KW;

    // A unit is some output channels and rows of a block, as in `run`.
    const Size parts = most(1, least(PH / 2, ceil_div(32, c.blocks * channels.parts)));
    const double cost = 2.0 * LANES * c.F * filter * 4 * PH * PW / (channels.parts * parts);
    const Size kept = plan.tiles->channels * 2 * band * 2 * PW * LANES;
    const auto pool_row = place ? relu_max_row<true> : relu_max_row<false>;

    parallel_for(c.blocks * parts * channels.parts, cost, [&](Size unit, Size unit_end, int slot) {
        Q* const near = (Q*)scratch(slot, kept + plan.copied());
        Q* const padded = near + kept / LANES * PARTS;
        Size padded_block = -1;
        for (; unit < unit_end; unit++) {
            const Size f0 = channels.begin(unit % channels.parts);
            const Size ft = channels.begin(unit % channels.parts + 1) - f0;
            const Size part = unit / channels.parts % parts, block = unit / (channels.parts * parts);
            Strip p{nullptr, 0, w + f0 * filter, b ? b + f0 : nullptr, nullptr, NO_FLOOR, 0, 0, 0, false,
                    false};
            const Q* const picture = (const Q*)x + block * c.C * c.H * c.W * PARTS;
            plan.set_picture(p, picture, padded, block == padded_block);
            padded_block = block;
            const Size end = PH * (part + 1) / parts;
            for (Size i = PH * part / parts, next; i < end; i = next) {
                next = least(i + band, end);
                p.y0 = 2 * i;
                p.y1 = 2 * next;
                p.out = near - p.y0 * 2 * PW * PARTS;
                plan.strips(p, ft);
                for (Size f = 0; f < ft; f++)
                    for (Size k = i; k < next; k++) {
                        const V* const upper = (const V*)(near + (f * band + k - i) * 4 * PW * PARTS);
                        const Size to = (((block * c.F + f0 + f) * PH + k) * PW) * LANES;
                        pool_row(PW, upper, upper + 2 * PW, (V*)(y + to), place ? place + to : nullptr);
                    }
            }
        }
    });
}

// The gradient before the pooling of a chunk's rows, in its scratch memory.
static Rows unpool(const Conv& c, const float* dy, const uint8_t* place, const Chunk& k) {
    const Size PH = c.OH / 2, PW = c.OW / 2, plane = (k.y_end - k.y) * c.OW * PARTS;
    for (Size f = 0; f < k.ft; f++)
        for (Size i = k.y / 2; i < k.y_end / 2; i++) {
            const Size from = ((k.block * c.F + k.f0 + f) * PH + i) * PW;
            V* const upper = (V*)(k.memory + f * plane + (2 * i - k.y) * c.OW * PARTS);
            V* const lower = upper + c.OW;
            for (Size j = 0; j < PW; j++) {
                const V g = ((const V*)dy)[from + j];
                const M at = widen(place + (from + j) * LANES);
                upper[2 * j] = where_placed(g, at, 0);
                upper[2 * j + 1] = where_placed(g, at, 1);
                lower[2 * j] = where_placed(g, at, 2);
                lower[2 * j + 1] = where_placed(g, at, 3);
            }
        }
    return {k.memory, plane};
}

#if defined(__AVX512VL__) && defined(__AVX512BW__)
// Of the four places of a window only one has a gradient, for each image its own: instead of four products,
// three quarters with zeros, take the one input that counts, by two choices (right? down?), and multiply
// once. With mask registers that is faster than the four. A tap's choices between left and right serve the
// taps above and below it too.

// The windows of one channel f, and the input channel that they meet.
struct Windows {
    const Q* g;            // (rows, PW)
    const uint8_t* place;  // the same
    Size rows, PW;
    const Q* x;            // what tap 0 of the first window's place 0 meets
    Size row;              // from there to the row below
};

static inline Q choose(__mmask8 mask, Q a, Q b) { return (Q)_mm256_mask_blend_ps(mask, (__m256)b, (__m256)a); }

// Add to total[n * K + v] for tap rows u .. u + U - 1.
template <int K, int U>
static void chosen_products(const Windows& windows, Size u, Q* total) {
    const Windows p = windows;
    Q sum[U][K];
    UNROLL for (int n = 0; n < U; n++)
        UNROLL for (int v = 0; v < K; v++) sum[n][v] = Q{};
    for (Size i = 0; i < p.rows; i++) {
        const Q* const g = p.g + i * p.PW;
        const uint8_t* const place = p.place + i * p.PW * LANES;
        for (Size j = 0; j < p.PW; j++) {
            const Q* in = p.x + (2 * i + u) * p.row + 2 * j;
            const __m128i at = _mm_loadl_epi64((const __m128i*)(place + j * LANES));
            const __mmask8 right = (__mmask8)_mm_test_epi8_mask(at, _mm_set1_epi8(1));
            const __mmask8 down = (__mmask8)_mm_test_epi8_mask(at, _mm_set1_epi8(2));
            const Q gradient = g[j];
            Q above[K];
            UNROLL for (int n = 0; n <= U; n++, in += p.row) {
                asm("" : "+r"(in));  // one pointer that moves, not one for each row
                Q pixel[K + 1];
                UNROLL for (int v = 0; v <= K; v++) {
                    pixel[v] = in[v];
                    HOLD(pixel[v]);
                }
                UNROLL for (int v = 0; v < K; v++) {
                    const Q here = choose(right, pixel[v + 1], pixel[v]);
                    if (n > 0) sum[n - 1][v] += gradient * choose(down, here, above[v]);
                    above[v] = here;
                }
            }
        }
    }
    UNROLL for (int n = 0; n < U; n++)
        UNROLL for (int v = 0; v < K; v++) total[n * K + v] += sum[n][v];
}

template <int K>
static auto chosen_kernel(Size rows) {
    return rows == 3 ? chosen_products<K, 3> : rows == 2 ? chosen_products<K, 2> : chosen_products<K, 1>;
}

static bool can_choose(const Conv& c) { return c.SH == 1 && c.SW == 1 && (c.KW == 3 || c.KW == 5); }

// Whether a chunk's products are those of its places: where x is not finite, 0 times x counts as well.
static bool all_finite(const Conv& c, const float* x, const Chunk& k) {
    const Size begin = most(0, k.y - c.top), rows = most(0, least(c.H, k.y_end - 1 + c.KH - c.top) - begin);
    M bits[4] = {};
    for (Size i = 0; i < c.C; i++) {
        const V* const from = (const V*)x + ((k.block * c.C + i) * c.H + begin) * c.W;
        Size n = 0;
        for (; n + 4 <= rows * c.W; n += 4)
            UNROLL for (int e = 0; e < 4; e++) bits[e] |= (M)(from[n + e] - from[n + e]);  // zero if finite
        for (; n < rows * c.W; n++) bits[0] |= (M)(from[n] - from[n]);
    }
    return !any((bits[0] | bits[1]) | (bits[2] | bits[3]));
}

// (height, width) pixels of a plane (H, W) from (top, left) on, zeros outside of it.
static void copy_padded(const Q* plane, Size H, Size W, Size top, Size left, Size height, Size width, Q* out) {
    const Size begin = least(width, most(0, -left)), end = most(begin, least(width, W - left));
    for (Size i = top; i < top + height; i++, out += width) {
        const bool outside = i < 0 || i >= H;
        for (Size j = 0; j < (outside ? width : begin); j++) out[j] = Q{};
        if (outside) continue;
        for (Size j = begin; j < end; j++) out[j] = plane[i * W + left + j];
        for (Size j = end; j < width; j++) out[j] = Q{};
    }
}

// All products of a chunk. False, and nothing is done, where they are not all that counts.
static bool add_chosen(const Conv& c, const float* x, const float* dy, const uint8_t* place, const Chunk& k,
                       bool bias) {
    if (!can_choose(c) || !all_finite(c, x, k)) return false;
    const Size PH = c.OH / 2, PW = c.OW / 2, filter = c.C * c.KH * c.KW, rows = (k.y_end - k.y) / 2;
    const auto from = [&](Size f) { return ((k.block * c.F + k.f0 + f) * PH + k.y / 2) * PW; };
    for (Size f = 0; f < k.ft; f++) {
        const Q* const d = (const Q*)dy + from(f);
        const uint8_t* const at = place + from(f) * LANES;
        Q* const g = k.memory + f * rows * PW;
        const auto gradient = [=](Size n) {
            const __m128i bytes = _mm_loadl_epi64((const __m128i*)(at + n * LANES));
            const __mmask8 passes = (__mmask8)_mm_cmpneq_epi8_mask(bytes, _mm_set1_epi8((char)BLOCKED));
            return g[n] = d[n] * 0.0f + choose(passes, d[n], Q{});  // 0 * infinity is NaN
        };
        Q sum[4] = {};
        Size n = 0;
        for (; n + 4 <= rows * PW; n += 4)
            UNROLL for (int e = 0; e < 4; e++) sum[e] += gradient(n + e);
        for (; n < rows * PW; n++) sum[0] += gradient(n);
        if (bias) k.total[f * (filter + 1) + filter] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    // The rows and columns of x that all windows meet; with padding, a copy.
    const Size height = 2 * rows + c.KH - 1, width = 2 * PW + c.KW - 1, first = k.y - c.top;
    const bool inside = first >= 0 && first + height <= c.H && c.left <= 0 && width - c.left <= c.W;
    Q* const padded = k.memory + k.ft * rows * PW;
    for (Size i = 0; i < c.C; i++) {
        const Q* const plane = (const Q*)x + (k.block * c.C + i) * c.H * c.W;
        if (!inside) copy_padded(plane, c.H, c.W, first, -c.left, height, width, padded);
        for (Size f = 0; f < k.ft; f++) {
            const Windows windows{k.memory + f * rows * PW, place + from(f) * LANES, rows, PW,
                                  inside ? plane + first * c.W - c.left : padded, inside ? c.W : width};
            Q* const total = k.total + f * (filter + 1) + i * c.KH * c.KW;
            for (Size u = 0, n; u < c.KH; u += n) {
                n = least(3, c.KH - u);
                Q* const to = total + u * c.KW;
                (c.KW == 3 ? chosen_kernel<3>(n) : chosen_kernel<5>(n))(windows, u, to);
            }
        }
    }
    return true;
}
#else
static bool can_choose(const Conv&) { return false; }
static bool add_chosen(const Conv&, const float*, const float*, const uint8_t*, const Chunk&, bool) {
    return false;
}
#endif

static void conv_pool_weight_gradient(const Conv& conv, const float* x, const float* dy, const uint8_t* place,
                                      float* dw, float* db) {
    if (winograd::pool_weight_gradient(conv, x, dy, place, dw, db)) return;
    Conv c = conv;  // without an odd last row and column
    c.OH -= c.OH % 2;
    c.OW -= c.OW % 2;
    const Size chunk = (can_choose(c) ? 2 : 1) * chunk_rows(c);  // its gradient is a quarter, beside much of x
    const Size copied = (chunk + 1 + c.KH) * (c.OW + c.KW);
    weight_gradient(c, chunk, 2, (4 * (chunk + 1) * c.OW + copied) * LANES, dw, db, [&](const Chunk& k) {
        if (!add_chosen(c, x, dy, place, k, db)) add_products(c, x, unpool(c, dy, place, k), k, db);
    });
}
