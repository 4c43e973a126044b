// The weight gradient by Winograd's minimal filtering; included inside the namespace of one instruction set,
// after winograd.inl, whose symbols these are.
//
// y = A' [ (G w G') .* (B' x B) ] A is linear in w. Hence
//
//     dw = G' [ sum over tiles and images of (A dy A') .* (B' x B) ] G
//
// and the sum is, at each of the 36 positions, a product of matrices: transformed x (channels x tiles) by
// transformed dy (tiles x filters). A unit of work is a chunk of tiles, so few that what it transforms stays in
// the second-level cache. It adds up its tiles, then the lanes; chunks are added up at the end. They do not
// depend on the number of threads.

namespace winograd {

// Where dy comes from. transform: the columns of a row of tiles, transformed, to six rows `near_row` apart.
struct PlainColumns {
    const float* dy;
    void transform(const Tiles& s, Size plane, Size y, const Q* zeros, Q* near, Size near_row) const {
        const Q* lines[STEP];
        for (Size k = 0; k < STEP; k++)
            lines[k] = y + k < s.OH ? (const Q*)dy + (plane * s.OH + y + k) * s.OW * PARTS : zeros;
        for (Size k = 0; k < s.OW * PARTS; k++) {
            const Q d[STEP] = {lines[0][k], lines[1][k], lines[2][k], lines[3][k]};
            Q t[SIDE];
            transform_gradient(d, t);
            UNROLL for (int u = 0; u < SIDE; u++) near[u * near_row + k] = t[u];
        }
    }
    V sum(const Tiles& s, Size plane, Size y) const {
        const V* const from = (const V*)dy + (plane * s.OH + y) * s.OW;
        const Size n = least(STEP, s.OH - y) * s.OW;
        V sum[4] = {};
        Size k = 0;
        for (; k + 4 <= n; k += 4)
            UNROLL for (int e = 0; e < 4; e++) sum[e] += from[k + e];
        for (; k < n; k++) sum[0] += from[k];
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
};

// Transformed dy of all filters, d[position][f][tile]. There are `filters` of them; those that dy has not are
// its last one's. `near` has room for SIDE + 1 rows of a band's columns.
template <class Source>
static void transform_dy(const Tiles& s, const Band& b, const Source& dy, Q* near, Q* d, Size filters,
                         Size d_apart) {
    const Size near_row = s.columns * STEP * PARTS, n = b.tiles() * PARTS;
    for (Size k = 0; k < (SIDE + 1) * near_row; k++) near[k] = Q{};  // what is outside stays zero
    for (Size row = b.row0; row < b.row1; row++)
        for (Size f = 0; f < filters; f++) {
            const Size plane = row / s.rows * s.O + least(f, s.O - 1);
            dy.transform(s, plane, row % s.rows * STEP, near + SIDE * near_row, near, near_row);
            Q* const to = d + f * n + (row - b.row0) * s.columns * PARTS;
            for (int u = 0; u < SIDE; u++)
                for (Size x = 0; x < s.columns; x++)
                    UNROLL for (int part = 0; part < PARTS; part++) {
                        Q in[STEP], t[SIDE];
                        UNROLL for (int e = 0; e < STEP; e++)
                            in[e] = near[u * near_row + (x * STEP + e) * PARTS + part];
                        transform_gradient(in, t);
                        UNROLL for (int e = 0; e < SIDE; e++)
                            to[(u * SIDE + e) * d_apart + x * PARTS + part] = t[e];
                    }
        }
}

// The sums of the lanes of four vectors.
static inline Quad lane_sums(const Q* a) {
#if defined(__AVX__)
    const Q ab = __builtin_shufflevector(a[0], a[1], 0, 8, 2, 10, 4, 12, 6, 14) +
                 __builtin_shufflevector(a[0], a[1], 1, 9, 3, 11, 5, 13, 7, 15);
    const Q cd = __builtin_shufflevector(a[2], a[3], 0, 8, 2, 10, 4, 12, 6, 14) +
                 __builtin_shufflevector(a[2], a[3], 1, 9, 3, 11, 5, 13, 7, 15);
    const Q all = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                  __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    const QuadPair pair = halves((V)all);
    return pair.half[0] + pair.half[1];
#else
    const Q ab =
        __builtin_shufflevector(a[0], a[1], 0, 4, 2, 6) + __builtin_shufflevector(a[0], a[1], 1, 5, 3, 7);
    const Q cd =
        __builtin_shufflevector(a[2], a[3], 0, 4, 2, 6) + __builtin_shufflevector(a[2], a[3], 1, 5, 3, 7);
    return (Quad)(__builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
#endif
}

// out[i][f] = the sum over `count` k, and over lanes, of x[i][k] d[f][k], for INPUTS i and GROUP f.
constexpr int INPUTS = REGISTERS >= 32 ? 4 : 2;
static void sum_products(Size count, const Q* d, const Q* x, float* out, Size out_row) {
    Q sum[INPUTS][GROUP];
    UNROLL for (int i = 0; i < INPUTS; i++)
        UNROLL for (int f = 0; f < GROUP; f++) sum[i][f] = Q{};
    for (Size k = 0; k < count; k++) {
        Q held[INPUTS];
        UNROLL for (int i = 0; i < INPUTS; i++) {
            held[i] = x[i * count + k];
            HOLD(held[i]);
        }
        UNROLL for (int f = 0; f < GROUP; f++) {
            Q a = d[f * count + k];
            HOLD(a);
            UNROLL for (int i = 0; i < INPUTS; i++) sum[i][f] += a * held[i];
        }
    }
    UNROLL for (int i = 0; i < INPUTS; i++) {
        const Quad sums = lane_sums(sum[i]);
        memcpy(out + i * out_row, &sums, sizeof sums);
    }
}

// Bytes of transformed tiles at a time, and tiles at least: for fewer, adding lanes up takes too long.
constexpr Size NEARBY = 512 * 1024, FEWEST = 12;

// dy is PlainColumns or PooledColumns (winograd_pooled.inl). False when some result is not finite.
template <class Source>
static bool gradient(const Conv& c, const float* x, const Source& dy, float* dw, float* db) {
    const Tiles s(c.blocks, c.C, c.H, c.W, c.F, c.OH, c.OW, -c.top, -c.left);
    const Size I = ceil_div(s.I, INPUTS) * INPUTS, O = ceil_div(s.O, LANES) * LANES;
    const Size most_tiles = most(FEWEST, NEARBY / (POSITIONS * (I + O) * LANES * (Size)sizeof(float)));
    // At least four chunks where there are rows enough, so that a few threads have the same to do.
    const Size rows = s.blocks * s.rows;
    const Split chunks(rows, least(most(1, most_tiles / s.columns), ceil_div(rows, 4)));
    const Size tiles = ceil_div(rows, chunks.parts) * s.columns;

    // Slot 0's scratch memory begins with all chunks' products, [chunk][position][i][f], and sums of dy.
    const Size apart = row_apart(I * O), products = POSITIONS * apart, results = chunks.parts * (products + O);
    const Size x_apart = row_apart(I * tiles * LANES), d_apart = row_apart(O * tiles * LANES);
    const Size near = (SIDE + 1) * (s.columns * STEP + SIDE - STEP) * LANES;
    const Size needed = POSITIONS * (x_apart + d_apart) + near;
    float* const result = scratch(0, results + needed);
    float* const dy_sums = result + chunks.parts * products;

    const double cost = 2.0 * POSITIONS * LANES * s.I * s.O * tiles;
    parallel_for(chunks.parts, cost, [&](Size chunk, Size end, int slot) {
        const Size x_step = x_apart / LANES * PARTS, d_step = d_apart / LANES * PARTS;
        Q* const tx = (Q*)(slot == 0 ? result + results : scratch(slot, needed));
        Q* const td = tx + POSITIONS * x_step;
        for (; chunk < end; chunk++) {
            const Band band{chunks.begin(chunk), chunks.begin(chunk + 1), 0, s.columns};
            const Size n = band.tiles() * PARTS;
            transform_band(s, band, (const Q*)x, td + POSITIONS * d_step, tx, I, x_step);
            transform_dy(s, band, dy, td + POSITIONS * d_step, td, O, d_step);
            for (Size position = 0; position < POSITIONS; position++)
                for (Size f = 0; f < O; f += GROUP)
                    for (Size i = 0; i < I; i += INPUTS)
                        sum_products(n, td + position * d_step + f * n, tx + position * x_step + i * n,
                                     result + chunk * products + position * apart + i * O + f, O);
            for (Size f = 0; db && f < s.O; f++) {
                V sum = {};
                for (Size row = band.row0; row < band.row1; row++)
                    sum += dy.sum(s, row / s.rows * s.O + f, row % s.rows * STEP);
                float total = 0;
                for (Size l = 0; l < LANES; l++) total += sum[l];
                dy_sums[chunk * O + f] = total;
            }
        }
    });

    // The sum of the chunks, and back to weights, eight filters at a time.
    bool finite = true;
    parallel_for(s.I, 1.0 * POSITIONS * chunks.parts * O, [&](Size i, Size end, int) {
        V all = {};
        for (; i < end; i++)
            for (Size f0 = 0; f0 < s.O; f0 += LANES) {
                V half[3][SIDE], out[3][3];
                UNROLL for (int e = 0; e < SIDE; e++) {
                    V column[SIDE], t[3];
                    UNROLL for (int u = 0; u < SIDE; u++) {
                        const float* const from = result + (u * SIDE + e) * apart + i * O + f0;
                        column[u] = *(const V*)from;
                        for (Size chunk = 1; chunk < chunks.parts; chunk++)
                            column[u] += *(const V*)(from + chunk * products);
                        all += column[u];
                    }
                    transform_products(column, t);
                    UNROLL for (int k = 0; k < 3; k++) half[k][e] = t[k];
                }
                UNROLL for (int k = 0; k < 3; k++) transform_products(half[k], out[k]);
                for (Size f = f0; f < least(f0 + LANES, s.O); f++)
                    UNROLL for (int k = 0; k < 9; k++) dw[(f * s.I + i) * 9 + k] = out[k / 3][k % 3][f - f0];
            }
        if (any(is_nan(all - all))) __atomic_store_n(&finite, false, __ATOMIC_RELAXED);
    });
    for (Size f = 0; db && f < s.O; f++) {
        float sum = dy_sums[f];
        for (Size chunk = 1; chunk < chunks.parts; chunk++) sum += dy_sums[chunk * O + f];
        db[f] = sum;
    }
    return finite;
}

// As conv_weight_gradient. False when the plain sum is to do it.
static bool weight_gradient(const Conv& c, const float* x, const float* dy, float* dw, float* db) {
    return fits(c, c.OH, c.OW) && gradient(c, x, PlainColumns{dy}, dw, db);
}

}  // namespace winograd
