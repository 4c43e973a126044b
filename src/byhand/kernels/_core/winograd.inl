// Winograd's minimal filtering (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
// convolution with kernels of 3 x 3 at stride 1 by a quarter of the multiplications. Included inside the
// namespace of one instruction set, after conv_tiles.inl.
//
// A tile of 4 x 4 outputs y comes from 6 x 6 inputs x and the kernel w as
//
//     y = A' [ (G w G') .* (B' x B) ] A         (' transposes, .* multiplies element by element)
//
// which for many channels is, at each of the 36 positions, a product of matrices: transformed weights
// (filters x channels) by transformed input (channels x tiles). The three matrices say that a product of
// polynomials is known from its values at a few points. Lavin and Gray take 0, +-1, +-2 and infinity; errors
// are a third to a fifth of theirs with 0, +-sqrt(1/2), +-sqrt(2) and infinity. The largest error against
// float64, as a share of the largest result, of random normal numbers (uniform ones, and positive ones, give no
// more):
//
//     channels                      16        64        256
//     Winograd: y             0.8e-6    1.7e-6     1.2e-6        (sums of more than 64 channels are
//               dx            0.9e-6    1.9e-6     1.6e-6         made of several)
//               dw            0.6e-6    0.6e-6     0.8e-6
//     plain sum: y            0.5e-6    1.1e-6     1.8e-6
//
// The input gradient is the same with the weights turned; the weight gradient is in winograd_gradient.inl.
//
// An infinity or a NaN in the input would reach all outputs of its tile, and huge numbers overflow sooner
// than in the plain sum. Then some result is not finite, the functions here say false, and their callers work
// everything out by the plain sum.

namespace winograd {

#include "winograd_transforms.inl"

static bool all_finite(Q a) {
    a = a - a;
    bool all = true;
    for (unsigned l = 0; l < sizeof(Q) / sizeof(float); l++) all = all && a[l] == 0;
    return all;
}

// How far apart rows of so many floats lie: an odd number of cache lines, so that the 36 positions of a
// tile do not fall on the same few places of the cache.
static inline Size row_apart(Size floats) { return (ceil_div(floats, 16) | 1) * 16; }

// A picture's tiles: output pixel (0, 0) is a weighted sum of the inputs from (iy, ix) on.
struct Tiles {
    Size blocks, I, IH, IW, O, OH, OW, iy, ix;
    Size rows, columns;  // of tiles
    Tiles(Size blocks, Size I, Size IH, Size IW, Size O, Size OH, Size OW, Size iy, Size ix)
        : blocks(blocks), I(I), IH(IH), IW(IW), O(O), OH(OH), OW(OW), iy(iy), ix(ix),
          rows(ceil_div(OH, STEP)), columns(ceil_div(OW, STEP)) {}
};

// Some neighbouring tiles: of the rows row0 .. row1 - 1, all blocks' counted one after another, the columns
// column0 .. column1 - 1.
struct Band {
    Size row0, row1, column0, column1;
    Size width() const { return column1 - column0; }
    Size tiles() const { return (row1 - row0) * width(); }
};

// The input columns under a band: `count` from `first` on, of which begin .. end - 1 are in the picture.
struct Columns {
    Size first, count, begin, end;
    Columns(const Tiles& s, const Band& b)
        : first(s.ix + b.column0 * STEP), count(b.width() * STEP + SIDE - STEP),
          begin(least(count, most(0, -first))), end(most(begin, least(count, s.IW - first))) {}
};

// The input rows under one row of tiles, from column `begin` on; those outside of the picture are `zeros`.
static inline void input_lines(const Tiles& s, const Columns& c, const Q* plane, Size row, const Q* zeros,
                               const Q** lines) {
    for (Size k = 0; k < SIDE; k++) {
        const Size y = s.iy + row % s.rows * STEP + k;
        lines[k] = y >= 0 && y < s.IH ? plane + (y * s.IW + c.first + c.begin) * PARTS : zeros;
    }
}

// Transformed input of all channels, v[position][i][tile]. There are `channels` of them; those that the picture
// has not are its last one's. `near` has room for SIDE + 1 rows of a band's columns.
static void transform_band(const Tiles& s, const Band& b, const Q* in, Q* near, Q* v, Size channels,
                           Size v_apart) {
    const Columns c(s, b);
    const Size near_row = c.count * PARTS, inside = (c.end - c.begin) * PARTS, n = b.tiles() * PARTS;
    for (Size k = 0; k < (SIDE + 1) * near_row; k++) near[k] = Q{};  // what is outside stays zero
    for (Size row = b.row0; row < b.row1; row++)
        for (Size i = 0; i < channels; i++) {
            const Q* lines[SIDE];
            const Q* const plane = in + (row / s.rows * s.I + least(i, s.I - 1)) * s.IH * s.IW * PARTS;
            input_lines(s, c, plane, row, near + SIDE * near_row, lines);
            for (Size k = 0; k < inside; k++) {
                Q d[SIDE], t[SIDE];
                UNROLL for (int u = 0; u < SIDE; u++) d[u] = lines[u][k];
                transform_input(d, t);
                UNROLL for (int u = 0; u < SIDE; u++) near[u * near_row + c.begin * PARTS + k] = t[u];
            }
            Q* const to = v + i * n + (row - b.row0) * b.width() * PARTS;
            for (int u = 0; u < SIDE; u++)
                for (Size x = 0; x < b.width(); x++)
                    UNROLL for (int part = 0; part < PARTS; part++) {
                        Q d[SIDE], t[SIDE];
                        UNROLL for (int e = 0; e < SIDE; e++)
                            d[e] = near[u * near_row + (x * STEP + e) * PARTS + part];
                        transform_input(d, t);
                        UNROLL for (int e = 0; e < SIDE; e++)
                            to[(u * SIDE + e) * v_apart + x * PARTS + part] = t[e];
                    }
        }
}

constexpr int GROUP = 4;  // output channels that share a register tile

// Transformed weights, u[position][group of output channels][i][channel of the group]; the last group is
// filled up with the last channel. w is (O, I, 3, 3), or, for the input gradient, (I, O, 3, 3) and turned
// by 180 degrees.
static void transform_weights(const Tiles& s, const float* w, bool turned, float* u, Size u_apart) {
    const Size o_step = turned ? 9 : 9 * s.I, i_step = turned ? 9 * s.O : 9;
    static_assert(LANES == 2 * GROUP);  // two input channels at a time
    parallel_for(ceil_div(s.O, GROUP), 40.0 * LANES * s.I, [&](Size group, Size end, int) {
        for (; group < end; group++)
            for (Size i = 0; i < s.I; i += 2) {
                const float* from[LANES];
                for (Size l = 0; l < LANES; l++)
                    from[l] = w + least(s.O - 1, group * GROUP + l % GROUP) * o_step
                                + least(s.I - 1, i + l / GROUP) * i_step;
                V taps[3][3], half[3][SIDE];
                UNROLL for (int k = 0; k < 9; k++) {
                    const int at = turned ? 8 - k : k;
                    taps[k % 3][k / 3] = V{from[0][at], from[1][at], from[2][at], from[3][at],
                                           from[4][at], from[5][at], from[6][at], from[7][at]};
                }
                UNROLL for (int e = 0; e < 3; e++) transform_weight(taps[e], half[e]);
                float* to = u + (group * s.I + i) * GROUP;
                UNROLL for (int a = 0; a < SIDE; a++) {
                    const V row[3] = {half[0][a], half[1][a], half[2][a]};
                    V out[SIDE];
                    transform_weight(row, out);
                    UNROLL for (int e = 0; e < SIDE; e++, to += u_apart)
                        memcpy(to, &out[e], i + 1 < s.I ? sizeof(V) : sizeof(V) / 2);
                }
            }
    });
}

// m[f][t] = sum over i of u[i][f] v[i][t], or that more.
template <int T>
static void multiply(Size count, const float* u, const Q* v, Q* m, Size row, bool more) {
    Q sum[GROUP][T];
    UNROLL for (int f = 0; f < GROUP; f++)
        UNROLL for (int t = 0; t < T; t++) sum[f][t] = Q{};
    for (Size i = 0; i < count; i++, u += GROUP, v += row) {
        Q x[T];
        UNROLL for (int t = 0; t < T; t++) {
            x[t] = v[t];
            HOLD(x[t]);
        }
        UNROLL for (int f = 0; f < GROUP; f++) {
            Q a = load_float(u[f]);
            HOLD(a);
            UNROLL for (int t = 0; t < T; t++) sum[f][t] += a * x[t];
        }
    }
    UNROLL for (int f = 0; f < GROUP; f++)
        UNROLL for (int t = 0; t < T; t++) m[f * row + t] = more ? m[f * row + t] + sum[f][t] : sum[f][t];
}
typedef void (*Multiply)(Size count, const float* u, const Q* v, Q* m, Size row, bool more);

constexpr int WIDEST = SUMS / GROUP;
template <int T = WIDEST>
static Multiply multiply_kernel(Size t) {
    if constexpr (T > 1)
        if (t < T) return multiply_kernel<T - 1>(t);
    return multiply<T>;
}

// Where results go: y, with bias (or null) and ReLU. With `pool`, the maxima of windows 2 x 2 and their places
// (or null), as conv_pool has them.
struct Target {
    const float* b;
    float* y;
    bool relu, pool;
    uint8_t* place;
};

static inline Q magnitude(Q a) {
    typedef int32_t Bits __attribute__((vector_size(sizeof(Q))));
    return (Q)((Bits)a & 0x7fffffff);
}

// Outputs that ought to be equal, as those of a plain background, differ by rounding. So that the first of them
// is the maximum's place, another must be larger by this share of what they are the sums of. Half of it was
// nearly enough for 70 channels. It decides a few of a million windows of random numbers otherwise.
constexpr float ROUNDING = 1e-6f;

// One output channel of one tile, from m[position]. size: of what they are the sums of. `sum` gathers all, to
// see whether they are finite.
static inline void output_tile(const Q* m, Size m_apart, Q bias, Q (*y)[STEP][PARTS], Q* size, Q& sum) {
    UNROLL for (int part = 0; part < PARTS; part++) {
        Q half[STEP][SIDE];
        size[part] = Q{};
        UNROLL for (int e = 0; e < SIDE; e++) {
            Q d[SIDE], t[STEP];
            UNROLL for (int u = 0; u < SIDE; u++) d[u] = m[(u * SIDE + e) * m_apart + part];
            transform_output(d, t);
            UNROLL for (int u = 0; u < STEP; u++) half[u][e] = t[u];
        }
        UNROLL for (int u = 0; u < STEP; u++) {
            Q t[STEP];
            transform_output(half[u], t);
            size[part] += (magnitude(half[u][1]) + magnitude(half[u][2])) +
                          (magnitude(half[u][3]) + magnitude(half[u][4]));
            UNROLL for (int e = 0; e < STEP; e++) {
                sum += t[e];
                y[u][e][part] = t[e] + bias;
            }
        }
    }
}

// What of a tile is in the picture, `rows` and `columns`, to y.
static inline void store_tile(Q (*t)[STEP][PARTS], Size rows, Size columns, Q floor, Q* y, Size y_row) {
    UNROLL for (int u = 0; u < STEP; u++)
        UNROLL for (int e = 0; e < STEP; e++)
            if (u < rows && e < columns)
                UNROLL for (int part = 0; part < PARTS; part++)
                    y[u * y_row + e * PARTS + part] = at_least(floor, t[u][e][part]);
}

// The maxima of its windows, as relu_max_row (fused.inl), but there is no NaN.
static inline void pool_tile(Q (*t)[STEP][PARTS], const Q* size, Size rows, Size columns, V* y, uint8_t* place,
                             Size y_row) {
    V margin;
    memcpy(&margin, size, sizeof(V));
    margin *= ROUNDING;
    UNROLL for (int u = 0; u < STEP / 2; u++)
        UNROLL for (int e = 0; e < STEP / 2; e++) {
            if (2 * u >= rows || 2 * e >= columns) continue;
            V window[4];
            UNROLL for (int k = 0; k < 4; k++) memcpy(&window[k], t[2 * u + k / 2][2 * e + k % 2], sizeof(V));
            const V first = larger(window[1], window[0]), second = larger(window[3], window[2]);
            const V maximum = larger(second, first);
            y[u * y_row + e] = larger(maximum, V{});
            if (!place) continue;
            // Masks are 0 or -1: place 0 or 1 above, 2 or 3 below.
            const M right = above(window[1], window[0] + margin);
            const M lower_right = above(window[3], window[2] + margin);
            const M down = above(second, first + margin), passes = above(maximum, V{});
            const M number = (down & (2 - lower_right)) | (~down & -right);
            narrow((passes & number) | (~passes & (int32_t)BLOCKED), place + (u * y_row + e) * LANES);
        }
}

// The results of output channels f0 .. f1 - 1 from m[position][f][tile].
static void output_band(const Tiles& s, const Band& b, const Target& to, const Q* m, Size m_apart, Size f0,
                        Size f1, Q& sum) {
    const Q floor = load_float(to.relu ? 0 : NO_FLOOR);
    for (Size f = f0; f < f1; f++) {
        const Q bias = load_float(to.b ? to.b[f] : 0.0f);
        for (Size row = b.row0; row < b.row1; row++) {
            const Size plane = row / s.rows * s.O + f, y = row % s.rows * STEP;
            for (Size column = b.column0; column < b.column1; column++, m += PARTS) {
                const Size x = column * STEP, rows = s.OH - y, columns = s.OW - x;
                Q t[STEP][STEP][PARTS], size[PARTS];
                output_tile(m, m_apart, bias, t, size, sum);
                if (to.pool) {
                    const Size at = (plane * (s.OH / 2) + y / 2) * (s.OW / 2) + x / 2;
                    uint8_t* const place = to.place ? to.place + at * LANES : nullptr;
                    pool_tile(t, size, rows, columns, (V*)to.y + at, place, s.OW / 2);
                } else {
                    Q* const at = (Q*)to.y + ((plane * s.OH + y) * s.OW + x) * PARTS;
                    if (rows >= STEP && columns >= STEP)  // the tests in store_tile fall away
                        store_tile(t, STEP, STEP, floor, at, s.OW * PARTS);
                    else
                        store_tile(t, rows, columns, floor, at, s.OW * PARTS);
                }
            }
        }
    }
}

// A band's tiles: enough for wide register tiles, few enough for the second-level cache.
constexpr Size BAND = 8;
// Output channels whose products are kept before they are transformed.
constexpr Size KEPT = 16;
// Longer sums than this are made of several, which keeps rounding errors small.
constexpr Size CHAIN = 64;

// False when some result is not finite; the others may be wrong then.
static bool convolve(const Tiles& s, const float* in, const float* w, bool turned, const Target& to) {
    const Size O = ceil_div(s.O, GROUP) * GROUP, kept = least(KEPT, O);
    const Split pieces(s.columns, BAND);
    const Size width = ceil_div(s.columns, most(1, pieces.parts)), height = most(1, BAND / most(1, width));
    const Size u_apart = row_apart(O * s.I);
    const Size v_apart = row_apart(s.I * width * height * LANES);
    const Size m_apart = row_apart(kept * width * height * LANES);
    const Size near = (SIDE + 1) * (width * STEP + SIDE - STEP) * LANES;
    const Size weights = POSITIONS * u_apart, needed = POSITIONS * (v_apart + m_apart) + near;
    float* const u = scratch(0, weights + needed);
    transform_weights(s, w, turned, u, u_apart);

    bool finite = true;
    const double cost = 2.0 * POSITIONS * LANES * s.O * s.I * s.columns;
    parallel_for(s.blocks * s.rows, cost, [&](Size begin, Size end, int slot) {
        const Size used = slot == 0 ? weights : 0;
        Q* const v = (Q*)(scratch(slot, used + needed) + used);
        const Size v_step = v_apart / LANES * PARTS, m_step = m_apart / LANES * PARTS;
        Q* const m = v + POSITIONS * v_step;
        Q sum = {};
        const Split rows(end - begin, height);
        for (Size k = 0; k < rows.parts * pieces.parts; k++) {
            const Size r = k / pieces.parts, p = k % pieces.parts;
            const Band band{begin + rows.begin(r), begin + rows.begin(r + 1), pieces.begin(p),
                            pieces.begin(p + 1)};
            transform_band(s, band, (const Q*)in, m + POSITIONS * m_step, v, s.I, v_step);
            const Size n = band.tiles() * PARTS;
            const Split strips(n, WIDEST);
            for (Size f0 = 0, f1; f0 < O; f0 = f1) {
                f1 = least(O, f0 + kept);
                for (Size position = 0; position < POSITIONS; position++)
                    for (Size strip = 0; strip < strips.parts; strip++) {
                        const Size t = strips.begin(strip);
                        const Multiply kernel = multiply_kernel(strips.begin(strip + 1) - t);
                        for (Size f = f0; f < f1; f += GROUP)
                            for (Size i = 0; i < s.I; i += CHAIN)
                                kernel(least(CHAIN, s.I - i), u + position * u_apart + f * s.I + i * GROUP,
                                       v + position * v_step + i * n + t,
                                       m + position * m_step + (f - f0) * n + t, n, i > 0);
                    }
                output_band(s, band, to, m, m_step, f0, least(f1, s.O), sum);
            }
        }
        if (!all_finite(sum)) __atomic_store_n(&finite, false, __ATOMIC_RELAXED);
    });
    return finite;
}

// Whether this takes less time than the plain sum, for a convolution or one of its gradients whose results are
// H x W: the multiply-adds of both, those of the transforms being what they take as long as, as measured.
static bool fits(const Conv& c, Size H, Size W) {
    if (c.KH != 3 || c.KW != 3 || c.SH != 1 || c.SW != 1) return false;
    if (c.blocks <= 0 || c.C <= 0 || c.F <= 0 || H <= 0 || W <= 0) return false;
    const double tiles = (double)c.blocks * ceil_div(H, STEP) * ceil_div(W, STEP), weights = (double)c.C * c.F;
    return 9 * weights * c.blocks * H * W > 1.1 * (tiles * (40 * weights + 300 * (c.C + c.F)) + 100 * weights);
}

// As conv_forward, conv_pool and conv_input_gradient. False when the plain sum is to do it: it takes less time,
// or some result is not finite.
static bool forward(const Conv& c, const float* x, const float* w, const float* b, float* y,
                             bool relu) {
    if (!fits(c, c.OH, c.OW)) return false;
    const Tiles s(c.blocks, c.C, c.H, c.W, c.F, c.OH, c.OW, -c.top, -c.left);
    return convolve(s, x, w, false, {b, y, relu, false, nullptr});
}

static bool pool(const Conv& c, const float* x, const float* w, const float* b, float* y,
                          uint8_t* place) {
    if (!fits(c, c.OH / 2 * 2, c.OW / 2 * 2)) return false;
    const Tiles s(c.blocks, c.C, c.H, c.W, c.F, c.OH / 2 * 2, c.OW / 2 * 2, -c.top, -c.left);
    return convolve(s, x, w, false, {b, y, true, true, place});
}

static bool input_gradient(const Conv& c, const float* dy, const float* w, float* dx) {
    if (!fits(c, c.H, c.W)) return false;
    const Tiles s(c.blocks, c.F, c.OH, c.OW, c.C, c.H, c.W, c.top - 2, c.left - 2);
    return convolve(s, dy, w, true, {nullptr, dx, false, false, nullptr});
}

}  // namespace winograd
