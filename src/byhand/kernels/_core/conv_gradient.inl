// The weight gradient of convolution; included inside the namespace of one instruction set.
//
//     dw[f][c][u][v] = sum over images and y, x of dy[f][y][x] x[c][y SH + u - top][x SW + v - left]
//
// The tile keeps FT channels of dy x VT taps of a row in registers while pixels go by. The order is
//
//   unit    some rows (of all blocks, one after another) and FT channels f
//   chunk   so few of these rows, of one block, that dy's stay in the first-level cache
//   c, u, VT of the v: the tile
//
// so that dy is read from beyond that cache once. A chunk's sums start from zero and are added to the
// unit's, in scratch memory, which keeps rounding errors small; only there lanes are added up.

// The dy of one tile: its first row, and the rows of x that they meet.
struct Products {
    const Q* dy;
    Size dy_plane;
    const Q* x;         // the row under the first of dy's, at column 0
    Size x_row;         // from there to the row under dy's next
    Size rows, OW, W;
    Size column, step;  // tap 0 of output pixel 0 is at this column; of the next, a step further
    Size x_plane;       // for PLANES
};

// What the taps of a tile are: neighbouring columns, output pixels being a column or `step` of them apart; or,
// of a kernel of one pixel, input channels.
enum Layout { COLUMNS1, COLUMNS, PLANES };

// Where FT * VT is too few sums to hide the latency, there are so many copies of each, which neighbouring
// pixels add to in turn.
constexpr int copies(int FT, int VT) { return (8 + FT * VT * PARTS - 1) / (FT * VT * PARTS); }

// Add to total[f * filter + v].
template <Layout LAYOUT, int FT, int VT>
static void products(const Products& products, Q* total, Size filter) {
    const Products p = products;  // in registers
    constexpr int COPIES = copies(FT, VT), XT = COPIES > 1 ? COPIES : SUMS / 12;
    Q sum[COPIES][FT][VT][PARTS];
    UNROLL for (int k = 0; k < COPIES; k++)
        UNROLL for (int f = 0; f < FT; f++)
            UNROLL for (int v = 0; v < VT; v++)
                UNROLL for (int part = 0; part < PARTS; part++) sum[k][f][v][part] = Q{};
    const Size step = LAYOUT == COLUMNS1 ? 1 : p.step;
    const Size apart = LAYOUT == PLANES ? p.x_plane : 1;  // from tap to tap
    constexpr int WIDTH = LAYOUT == PLANES ? 1 : VT;      // columns that the taps take
    // Pixels `begin` .. `end` - 1 have all of their taps inside of the picture; whole groups of XT.
    const Size begin = least(p.OW, most(0, ceil_div(most(0, -p.column), step)));
    const Size last = p.W - WIDTH - p.column;
    Size end = last < 0 ? 0 : least(p.OW, last / step + 1);
    end = begin + most(0, end - begin) / XT * XT;

    for (Size y = 0; y < p.rows; y++) {
        const Q* const dy = p.dy + y * p.OW * PARTS;
        const Q* const row = p.x + y * p.x_row;
        for (Size x = begin; x < end; x += XT) {
            const Q* const in = row + (x * step + p.column) * PARTS;
            UNROLL for (int part = 0; part < PARTS; part++) {
                const Q* const g = dy + x * PARTS + part;
                if constexpr (VT > FT && REGISTERS < 32) {  // hold dy
                    UNROLL for (int t = 0; t < XT; t++) {
                        Q held[FT];
                        UNROLL for (int f = 0; f < FT; f++) {
                            held[f] = g[f * p.dy_plane + t * PARTS];
                            HOLD(held[f]);
                        }
                        UNROLL for (int v = 0; v < VT; v++) {
                            Q a = in[(t * step + v * apart) * PARTS + part];
                            HOLD(a);
                            UNROLL for (int f = 0; f < FT; f++) sum[t % COPIES][f][v][part] += held[f] * a;
                        }
                    }
                } else {  // hold x; at step 1, all pixels' taps
                    Q held[XT + VT - 1];
                    if constexpr (LAYOUT == COLUMNS1)
                        UNROLL for (int k = 0; k < XT + VT - 1; k++) {
                            held[k] = in[k * PARTS + part];
                            HOLD(held[k]);
                        }
                    UNROLL for (int t = 0; t < XT; t++) {
                        if constexpr (LAYOUT != COLUMNS1)
                            UNROLL for (int v = 0; v < VT; v++) {
                                held[v] = in[(t * step + v * apart) * PARTS + part];
                                HOLD(held[v]);
                            }
                        UNROLL for (int f = 0; f < FT; f++) {
                            Q a = g[f * p.dy_plane + t * PARTS];
                            HOLD(a);
                            UNROLL for (int v = 0; v < VT; v++)
                                sum[t % COPIES][f][v][part] += a * held[LAYOUT == COLUMNS1 ? t + v : v];
                        }
                    }
                }
                if (REGISTERS < 32 && COPIES == 1) FORGET;
            }
        }
        // The others: taps outside of the picture meet zeros.
        for (Size x = begin > 0 ? 0 : end; x < p.OW; x = x + 1 == begin ? end : x + 1) {
            const Size column = x * step + p.column;
            UNROLL for (int part = 0; part < PARTS; part++) {
                Q in[VT];
                UNROLL for (int v = 0; v < VT; v++) {
                    const Size at = LAYOUT == PLANES ? column : column + v;
                    in[v] = at >= 0 && at < p.W ? row[(column + v * apart) * PARTS + part] : Q{};
                }
                UNROLL for (int f = 0; f < FT; f++) {
                    const Q g = dy[f * p.dy_plane + x * PARTS + part];
                    UNROLL for (int v = 0; v < VT; v++) sum[0][f][v][part] += g * in[v];
                }
            }
        }
    }
    UNROLL for (int f = 0; f < FT; f++)
        UNROLL for (int v = 0; v < VT; v++)
            UNROLL for (int part = 0; part < PARTS; part++) {
                Q all = sum[0][f][v][part];
                UNROLL for (int k = 1; k < COPIES; k++) all += sum[k][f][v][part];
                total[(f * filter + v) * PARTS + part] += all;
            }
}

typedef void (*ProductsKernel)(const Products&, Q* total, Size filter);

constexpr int MOST_TAPS = 5;
constexpr int channels_for(int VT) {
    const int n = SUMS / (VT * PARTS);
    return n < 1 ? 1 : n > 4 ? 4 : n;
}

// The tile of ft channels and vt taps.
template <Layout LAYOUT, int FT, int VT>
static ProductsKernel products_of_channels(Size ft) {
    if constexpr (FT > 1)
        if (ft < FT) return products_of_channels<LAYOUT, FT - 1, VT>(ft);
    return products<LAYOUT, FT, VT>;
}
template <Layout LAYOUT, int VT = MOST_TAPS>
static ProductsKernel products_kernel(Size ft, Size vt) {
    if constexpr (VT > 1)
        if (vt < VT) return products_kernel<LAYOUT, VT - 1>(ft, vt);
    return products_of_channels<LAYOUT, channels_for(VT), VT>(ft);
}

// out[k] = the sum of the lanes of in[k], k < count.
static void add_lanes(const Q* in, Size count, float* out) {
    for (Size k = 0; k < count; k++) {
        Q a = in[k * PARTS];
        for (int part = 1; part < PARTS; part++) a += in[k * PARTS + part];
        constexpr int WIDTH = LANES / PARTS;
        float sum[WIDTH];
        for (int l = 0; l < WIDTH; l++) sum[l] = a[l];
        UNROLL for (int n = WIDTH / 2; n > 0; n /= 2)
            for (int l = 0; l < n; l++) sum[l] += sum[l + n];
        out[k] = sum[0];
    }
}

// Where rows of dy are: the first of the first channel, and how far it is from there to the next channel.
struct Rows {
    const Q* dy;
    Size plane;
};

// How many rows of dy are done together: so many that 4 channels of them take 16 KB.
static Size chunk_rows(const Conv& c) { return most(1, 512 / most(1, 4 * c.OW)); }

// total[f * (filter + 1)] += the sum of `rows` rows of channel f.
static void add_rows(const Rows& g, Size ft, Size rows, Size OW, Q* total, Size filter) {
    for (Size f = 0; f < ft; f++) {
        Q sum[8] = {};
        const Q* const from = g.dy + f * g.plane;
        const Size n = rows * OW * PARTS;
        Size k = 0;
        for (; k + 8 <= n; k += 8)
            UNROLL for (int e = 0; e < 8; e++) sum[e] += from[k + e];
        for (; k < n; k += PARTS)
            UNROLL for (int part = 0; part < PARTS; part++) sum[part] += from[k + part];
        UNROLL for (int e = PARTS; e < 8; e++) sum[e % PARTS] += sum[e];
        UNROLL for (int part = 0; part < PARTS; part++) total[f * (filter + 1) * PARTS + part] += sum[part];
    }
}

// A part of the weight gradient: rows y .. y_end - 1 and channels f0 .. f0 + ft - 1 of one block's dy, whose
// products are added to `total`, (ft, filter + 1); the last of each channel is the bias's. `memory` is scratch.
struct Chunk {
    Size block, f0, ft, y, y_end;
    Q* total;
    Q* memory;
};

static Layout layout_of(const Conv& c) {
    return c.KH == 1 && c.KW == 1 ? PLANES : c.SW == 1 ? COLUMNS1 : COLUMNS;
}

// All products of a chunk, whose dy is at g.
static void add_products(const Conv& c, const float* x, const Rows& g, const Chunk& k, bool bias) {
    const Size filter = c.C * c.KH * c.KW;
    const Layout layout = layout_of(c);
    const Size planes = layout == PLANES ? c.C : 1, columns = layout == PLANES ? c.C : c.KW;
    const Split taps(columns, MOST_TAPS);
    const auto kernel = layout == PLANES     ? products_kernel<PLANES>
                        : layout == COLUMNS1 ? products_kernel<COLUMNS1>
                                             : products_kernel<COLUMNS>;
    if (bias) add_rows(g, k.ft, k.y_end - k.y, c.OW, k.total + filter * PARTS, filter);
    for (Size i = 0; i < c.C; i += planes)
        for (Size u = 0; u < c.KH; u++) {
            // Those of the chunk's rows under which there is a row of x.
            const Size y0 = most(k.y, ceil_div(most(0, c.top - u), c.SH));
            const Size below = c.H - 1 + c.top - u;
            const Size y1 = below < 0 ? 0 : least(k.y_end, below / c.SH + 1);
            if (y0 >= y1) continue;
            const Size first = (k.block * c.C + i) * c.H + y0 * c.SH + u - c.top;
            const Q* const row = (const Q*)x + first * c.W * PARTS;
            for (Size n = 0; n < taps.parts; n++) {
                const Size v = taps.begin(n), vt = taps.begin(n + 1) - v;
                const Size plane = c.H * c.W, ahead = layout == PLANES ? v * plane * PARTS : 0;
                const Products p{g.dy + (y0 - k.y) * c.OW * PARTS, g.plane, row + ahead, c.SH * c.W * PARTS,
                                 y1 - y0, c.OW, c.W, (layout == PLANES ? 0 : v) - c.left, c.SW, plane};
                kernel(k.ft, vt)(p, k.total + ((i * c.KH + u) * c.KW + v) * PARTS, filter + 1);
            }
        }
}

// The weight gradient, where add(chunk) adds all products of a chunk of at most `chunk` rows. Rows are cut at
// multiples of `together`, which divides c.OH. Add gets `needed` floats of scratch memory.
template <class Add>
static void weight_gradient(const Conv& c, Size chunk, Size together, Size needed, float* dw, float* db,
                            const Add& add) {
    if (c.F <= 0) return;
    const Size filter = c.C * c.KH * c.KW;             // weights of a channel f
    const Size columns = layout_of(c) == PLANES ? c.C : c.KW;
    const Split channels(c.F, channels_for(ceil_div(columns, most(1, ceil_div(columns, MOST_TAPS)))));
    const Size sets = c.OH / together, rows = c.blocks * sets;  // counted in sets of so many
    // A group is some of the rows: as many groups as it takes to have work for all threads.
    const Size groups = threads() == 1 ? 1 : most(1, least(rows, ceil_div(4 * (Size)threads(), channels.parts)));

    // Slot 0's scratch memory begins with the groups' results, (groups, F, filter + 1); the last is of db.
    const Size results = ceil_div(groups * c.F * (filter + 1), 16) * 16;
    const Size totals = 4 * (filter + 1) * LANES;
    float* const result = scratch(0, results + totals + needed);
    const double cost = 2.0 * LANES * rows * together * c.OW * filter * c.F / (groups * channels.parts);

    parallel_for(groups * channels.parts, cost, [&](Size unit, Size unit_end, int slot) {
        Q* const total = (Q*)(slot == 0 ? result + results : scratch(slot, totals + needed));
        for (; unit < unit_end; unit++) {
            const Size group = unit / channels.parts;
            const Size f0 = channels.begin(unit % channels.parts);
            const Size ft = channels.begin(unit % channels.parts + 1) - f0;
            for (Size k = 0; k < ft * (filter + 1) * PARTS; k++) total[k] = Q{};
            const Size row_end = rows * (group + 1) / groups;
            for (Size row = rows * group / groups, next; row < row_end; row = next) {
                const Size block = row / sets;
                next = least(least(row + most(1, chunk / together), row_end), (block + 1) * sets);
                const Size y = (row - block * sets) * together, y_end = (next - block * sets) * together;
                add(Chunk{block, f0, ft, y, y_end, total, total + totals / LANES * PARTS});
            }
            add_lanes(total, ft * (filter + 1), result + (group * c.F + f0) * (filter + 1));
        }
    });

    for (Size f = 0; f < c.F; f++) {
        const float* from = result + f * (filter + 1);
        for (Size k = 0; k <= filter; k++) {
            float sum = from[k];
            for (Size group = 1; group < groups; group++) sum += from[group * c.F * (filter + 1) + k];
            if (k < filter) dw[f * filter + k] = sum;
            else if (db) db[f] = sum;
        }
    }
}

static void conv_weight_gradient(const Conv& c, const float* x, const float* dy, float* dw, float* db) {
    if (winograd::weight_gradient(c, x, dy, dw, db)) return;
    weight_gradient(c, chunk_rows(c), 1, 0, dw, db, [&](const Chunk& k) {
        const Rows g{(const Q*)dy + ((k.block * c.F + k.f0) * c.OH + k.y) * c.OW * PARTS, c.OH * c.OW * PARTS};
        add_products(c, x, g, k, db);
    });
}
