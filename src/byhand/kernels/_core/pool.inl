// Max, average and global average pooling. A unit of work is one plane: one channel of one block of images.
//
// Windows of 2 x 2 that lie side by side, as nearly all do, have loops of their own; all others, padded and
// overlapping ones too, walk over that part of each window which is inside the picture.

static const double POOL_COST = 8;  // operations that take as long as one pixel of one window

// The part of one line of the window inside the picture: places begin .. end - 1 of `size` at `start`.
struct Inside {
    Size begin, end;
};
static inline Inside inside(Size start, Size size, Size length) {
    return {start < 0 ? -start : 0, start + size > length ? length - start : size};
}

static inline bool side_by_side(const Pool& p) {
    return p.KH == 2 && p.KW == 2 && p.SH == 2 && p.SW == 2 && p.top == 0 && p.left == 0 && 2 * p.OH <= p.H &&
           2 * p.OW <= p.W;
}

// The planes begin .. end - 1 of all, by body(plane of x, plane of y).
template <class Body>
static void for_planes(const Pool& p, const Body& body) {
    const double cost = POOL_COST * LANES * (double)(p.OH * p.OW * p.KH * p.KW);
    parallel_for(p.blocks * p.C, cost, [&](Size begin, Size end, int) {
        for (Size plane = begin; plane < end; plane++)
            body(plane * p.H * p.W * LANES, plane * p.OH * p.OW * LANES);
    });
}

// Take `value`, at `number` in its window, where it is larger than all before or a NaN.
template <bool Keep>
static inline void contend(V value, int32_t number, V& best, M& place) {
    const M better = above(value, best) | is_nan(value);
    best = pick(better, value, best);
    if (Keep) place = (better & number) | (~better & place);
}

// One row of windows side by side. Without NaN: true when there was one, or an infinity of each sign, and
// the row is to be done again.
template <bool Keep>
static inline bool max_row(Size OW, const V* upper, const V* lower, V* y, uint8_t* place) {
    M strange = {};
    for (Size j = 0; j < OW; j++) {
        const V a = upper[2 * j], b = upper[2 * j + 1], c = lower[2 * j], d = lower[2 * j + 1];
        const V first = larger(b, a), second = larger(d, c);
        y[j] = larger(second, first);
        strange |= is_nan((a + b) + (c + d));
        if (!Keep) continue;
        // Masks are 0 or -1: place 0 or 1 above, 2 or 3 below.
        const M right = above(b, a), lower_right = above(d, c), down = above(second, first);
        narrow((down & (2 - lower_right)) | (~down & -right), place + j * LANES);
    }
    return any(strange);
}

template <bool Keep>
static void max_row_with_nan(Size OW, const V* upper, const V* lower, V* y, uint8_t* place) {
    for (Size j = 0; j < OW; j++) {
        V best = upper[2 * j];
        M at = {};
        contend<Keep>(upper[2 * j + 1], 1, best, at);
        contend<Keep>(lower[2 * j], 2, best, at);
        contend<Keep>(lower[2 * j + 1], 3, best, at);
        y[j] = best;
        if (Keep) narrow(at, place + j * LANES);
    }
}

template <bool Keep>
static void max_plane_side_by_side(const Pool& p, const float* x, float* y, uint8_t* place) {
    for (Size i = 0; i < p.OH; i++) {
        const V* upper = (const V*)x + 2 * i * p.W;
        const V* lower = upper + p.W;
        V* to = (V*)y + i * p.OW;
        uint8_t* at = Keep ? place + i * p.OW * LANES : nullptr;
        if (max_row<Keep>(p.OW, upper, lower, to, at)) max_row_with_nan<Keep>(p.OW, upper, lower, to, at);
    }
}

template <bool Keep>
static void max_plane(const Pool& p, const float* x, float* y, uint8_t* place) {
    for (Size i = 0; i < p.OH; i++) {
        const Size top = i * p.SH - p.top;
        const Inside rows = inside(top, p.KH, p.H);
        for (Size j = 0; j < p.OW; j++) {
            const Size left = j * p.SW - p.left;
            const Inside columns = inside(left, p.KW, p.W);
            V best = splat(-__builtin_inff());  // as the padding is, which never wins
            M at = M{} + (int32_t)(rows.begin * p.KW + columns.begin);
            for (Size u = rows.begin; u < rows.end; u++)
                for (Size v = columns.begin; v < columns.end; v++)
                    contend<Keep>(((const V*)x)[(top + u) * p.W + left + v], (int32_t)(u * p.KW + v), best, at);
            ((V*)y)[i * p.OW + j] = best;
            if (Keep) narrow(at, place + (i * p.OW + j) * LANES);
        }
    }
}

static void max_pool(const Pool& p, const float* x, float* y, uint8_t* place) {
    const auto plane = side_by_side(p) ? (place ? max_plane_side_by_side<true> : max_plane_side_by_side<false>)
                                       : (place ? max_plane<true> : max_plane<false>);
    for_planes(p, [&](Size in, Size out) { plane(p, x + in, y + out, place ? place + out : nullptr); });
}

// dy where the maximum was at `number`, else 0 * dy: a NaN goes everywhere, as in the definition.
static inline V where_placed(V dy, M place, int32_t number) {
    return dy * (V)((M)splat(1) & equals(place, number));
}

// What windows side by side leave out: a last row, a last column.
static void clear_rest(const Pool& p, float* dx) {
    for (Size i = 0; i < p.H; i++)
        for (Size j = i < 2 * p.OH ? 2 * p.OW : 0; j < p.W; j++) ((V*)dx)[i * p.W + j] = V{};
}

static void clear_plane(const Pool& p, float* dx) {
    for (Size i = 0; i < p.H * p.W; i++) ((V*)dx)[i] = V{};
}

static void max_plane_side_by_side_backward(const Pool& p, const float* dy, const uint8_t* place,
                                            float* dx) {
    for (Size i = 0; i < p.OH; i++) {
        V* upper = (V*)dx + 2 * i * p.W;
        V* lower = upper + p.W;
        for (Size j = 0; j < p.OW; j++) {
            const V g = ((const V*)dy)[i * p.OW + j];
            const M at = widen(place + (i * p.OW + j) * LANES);
            upper[2 * j] = where_placed(g, at, 0);
            upper[2 * j + 1] = where_placed(g, at, 1);
            lower[2 * j] = where_placed(g, at, 2);
            lower[2 * j + 1] = where_placed(g, at, 3);
        }
    }
    clear_rest(p, dx);
}

static void max_plane_backward(const Pool& p, const float* dy, const uint8_t* place, float* dx) {
    clear_plane(p, dx);
    for (Size i = 0; i < p.OH; i++) {
        const Size top = i * p.SH - p.top;
        const Inside rows = inside(top, p.KH, p.H);
        for (Size j = 0; j < p.OW; j++) {
            const Size left = j * p.SW - p.left;
            const Inside columns = inside(left, p.KW, p.W);
            const V g = ((const V*)dy)[i * p.OW + j];
            const M at = widen(place + (i * p.OW + j) * LANES);
            for (Size u = rows.begin; u < rows.end; u++)
                for (Size v = columns.begin; v < columns.end; v++)
                    ((V*)dx)[(top + u) * p.W + left + v] += where_placed(g, at, (int32_t)(u * p.KW + v));
        }
    }
}

static void max_pool_backward(const Pool& p, const float* dy, const uint8_t* place, float* dx) {
    const auto plane = side_by_side(p) ? max_plane_side_by_side_backward : max_plane_backward;
    for_planes(p, [&](Size in, Size out) { plane(p, dy + out, place + out, dx + in); });
}

static void avg_plane_side_by_side(const Pool& p, const float* x, float* y) {
    const V quarter = splat(0.25f);
    for (Size i = 0; i < p.OH; i++) {
        const V* upper = (const V*)x + 2 * i * p.W;
        const V* lower = upper + p.W;
        for (Size j = 0; j < p.OW; j++)
            ((V*)y)[i * p.OW + j] =
                (upper[2 * j] + upper[2 * j + 1] + lower[2 * j] + lower[2 * j + 1]) * quarter;
    }
}

// The zeros of the padding count in the mean, but need not be added.
static void avg_plane(const Pool& p, const float* x, float* y) {
    const V area = splat((float)(p.KH * p.KW));
    for (Size i = 0; i < p.OH; i++) {
        const Size top = i * p.SH - p.top;
        const Inside rows = inside(top, p.KH, p.H);
        for (Size j = 0; j < p.OW; j++) {
            const Size left = j * p.SW - p.left;
            const Inside columns = inside(left, p.KW, p.W);
            V sum = {};
            for (Size u = rows.begin; u < rows.end; u++)
                for (Size v = columns.begin; v < columns.end; v++)
                    sum += ((const V*)x)[(top + u) * p.W + left + v];
            ((V*)y)[i * p.OW + j] = sum / area;
        }
    }
}

static void avg_pool(const Pool& p, const float* x, float* y) {
    const auto plane = side_by_side(p) ? avg_plane_side_by_side : avg_plane;
    for_planes(p, [&](Size in, Size out) { plane(p, x + in, y + out); });
}

static void avg_plane_side_by_side_backward(const Pool& p, const float* dy, float* dx) {
    const V quarter = splat(0.25f);
    for (Size i = 0; i < p.OH; i++) {
        V* upper = (V*)dx + 2 * i * p.W;
        V* lower = upper + p.W;
        for (Size j = 0; j < p.OW; j++) {
            const V share = ((const V*)dy)[i * p.OW + j] * quarter;
            upper[2 * j] = upper[2 * j + 1] = lower[2 * j] = lower[2 * j + 1] = share;
        }
    }
    clear_rest(p, dx);
}

static void avg_plane_backward(const Pool& p, const float* dy, float* dx) {
    const V area = splat((float)(p.KH * p.KW));
    clear_plane(p, dx);
    for (Size i = 0; i < p.OH; i++) {
        const Size top = i * p.SH - p.top;
        const Inside rows = inside(top, p.KH, p.H);
        for (Size j = 0; j < p.OW; j++) {
            const Size left = j * p.SW - p.left;
            const Inside columns = inside(left, p.KW, p.W);
            const V share = ((const V*)dy)[i * p.OW + j] / area;
            for (Size u = rows.begin; u < rows.end; u++)
                for (Size v = columns.begin; v < columns.end; v++)
                    ((V*)dx)[(top + u) * p.W + left + v] += share;
        }
    }
}

static void avg_pool_backward(const Pool& p, const float* dy, float* dx) {
    const auto plane = side_by_side(p) ? avg_plane_side_by_side_backward : avg_plane_backward;
    for_planes(p, [&](Size in, Size out) { plane(p, dy + out, dx + in); });
}

// Global average pooling -------------------------------------------------------------------------------

static const double GLOBAL_COST = 4;  // as above, for one pixel

static void global_avg_pool(Size planes, Size P, const float* x, float* y) {
    const V area = splat((float)P);
    parallel_for(planes, GLOBAL_COST * LANES * (double)P, [&](Size begin, Size end, int) {
        for (Size plane = begin; plane < end; plane++) {
            const V* in = (const V*)x + plane * P;
            V sum[4] = {};
            Size i = 0;
            for (; i + 4 <= P; i += 4)
                for (int k = 0; k < 4; k++) sum[k] += in[i + k];
            for (; i < P; i++) sum[0] += in[i];
            ((V*)y)[plane] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / area;
        }
    });
}

static void global_avg_pool_backward(Size planes, Size P, const float* dy, float* dx) {
    const V area = splat((float)P);
    parallel_for(planes, GLOBAL_COST * LANES * (double)P, [&](Size begin, Size end, int) {
        for (Size plane = begin; plane < end; plane++) {
            const V share = ((const V*)dy)[plane] / area;
            for (Size i = 0; i < P; i++) ((V*)dx)[plane * P + i] = share;
        }
    });
}
