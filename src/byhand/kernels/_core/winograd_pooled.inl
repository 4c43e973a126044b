// The weight gradient through convolution, ReLU and pooling (conv_pool) by Winograd's minimal filtering;
// included inside the namespace of one instruction set, after winograd_gradient.inl and pool.inl.

namespace winograd {

// As PlainColumns, of dy before the pooling: each window has one gradient, at its place.
struct PooledColumns {
    const float* dy;
    const uint8_t* place;
    void transform(const Tiles& s, Size plane, Size y, const Q*, Q* near, Size near_row) const {
        const Size width = s.OW / 2, from = (plane * (s.OH / 2) + y / 2) * width;
        const bool lower = y + 2 < s.OH;
        for (Size k = from; k < from + width; k++, near += 2 * PARTS) {
            const V above = ((const V*)dy)[k], below = lower ? ((const V*)dy)[k + width] : V{};
            const M place_above = widen(place + k * LANES);
            const M place_below = lower ? widen(place + (k + width) * LANES) : M{};
            UNROLL for (int e = 0; e < 2; e++) {
                const V d[STEP] = {
                    where_placed(above, place_above, e), where_placed(above, place_above, e + 2),
                    where_placed(below, place_below, e), where_placed(below, place_below, e + 2)};
                V t[SIDE];
                transform_gradient(d, t);
                UNROLL for (int u = 0; u < SIDE; u++) ((V*)(near + u * near_row))[e] = t[u];
            }
        }
    }
    V sum(const Tiles& s, Size plane, Size y) const {
        const Size width = s.OW / 2, from = (plane * (s.OH / 2) + y / 2) * width;
        V sum = {};
        for (Size k = from; k < from + least(2, (s.OH - y) / 2) * width; k++) {
            const M held_back = equals(widen(place + k * LANES), BLOCKED);
            sum += ((const V*)dy)[k] * (V)((M)splat(1) & ~held_back);
        }
        return sum;
    }
};

// As conv_pool_weight_gradient. False when the plain sum is to do it.
static bool pool_weight_gradient(const Conv& c, const float* x, const float* dy, const uint8_t* place,
                                          float* dw, float* db) {
    Conv even = c;
    even.OH = c.OH / 2 * 2;
    even.OW = c.OW / 2 * 2;
    return fits(even, even.OH, even.OW) &&
           gradient(even, x, PooledColumns{dy, place}, dw, db);
}

}  // namespace winograd
