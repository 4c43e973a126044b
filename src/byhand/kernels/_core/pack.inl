// Between plain arrays, one image after another, and lanes of images: transposes of four by four floats or
// eight by sixteen bytes, which read and write every cache line in one go.

static const double PACK_COST = 8;  // operations that take as long as one float

static inline Quad load4(const float* from) {
    Quad q;
    memcpy(&q, from, sizeof q);  // from may lie anywhere
    return q;
}

// Row i of four, column j becomes row j, column i.
static inline void transpose4(Quad r[4]) {
    const Quad lo01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    const Quad lo23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    const Quad hi01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    const Quad hi23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(lo01, lo23, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(lo01, lo23, 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(hi01, hi23, 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(hi01, hi23, 2, 3, 6, 7);
}

// How many of block b's lanes are real images.
static inline Size live_lanes(Size n, Size b) { return n - b * LANES < LANES ? n - b * LANES : LANES; }

// -1 in the first `live` lanes, else 0.
static inline M live_mask(Size live) {
    const int32_t l = (int32_t)live;
    const QuadMask all = {l, l, l, l};
    return whole(QuadMask{0, 1, 2, 3} < all, QuadMask{4, 5, 6, 7} < all);
}

// Cut `total` into chunks of `size`, the last perhaps smaller: how many, and where chunk i ends.
static inline Size chunks(Size total, Size size) { return (total + size - 1) / size; }
static inline Size chunk_end(Size total, Size size, Size i) {
    return (i + 1) * size < total ? (i + 1) * size : total;
}

static const Size PACK_CHUNK = 256;  // features in one unit of work

// The features begin .. end - 1 of one block. Lanes without an image read those of the first and are masked.
static void pack_block(Size features, Size live, Size begin, Size end, const float* x, float* lanes) {
    const float* row[LANES];
    for (Size l = 0; l < LANES; l++) row[l] = x + (l < live ? l : 0) * features;
    const MaskPair mask = halves(live_mask(live));

    Size f = begin;
    for (; f + 4 <= end; f += 4)
        for (Size h = 0; h < 2; h++) {
            Quad r[4];
            for (Size l = 0; l < 4; l++) r[l] = load4(row[4 * h + l] + f);
            transpose4(r);
            for (Size i = 0; i < 4; i++)
                *(Quad*)(lanes + (f + i) * LANES + 4 * h) = (Quad)((QuadMask)r[i] & mask.half[h]);
        }
    for (; f < end; f++)
        for (Size l = 0; l < LANES; l++) lanes[f * LANES + l] = l < live ? row[l][f] : 0;
}

static void pack(Size n, Size features, const float* x, float* lanes) {
    const Size cuts = chunks(features, PACK_CHUNK);
    parallel_for(chunks(n, LANES) * cuts, PACK_COST * LANES * PACK_CHUNK, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) {
            const Size b = unit / cuts, cut = unit % cuts;
            pack_block(features, live_lanes(n, b), cut * PACK_CHUNK, chunk_end(features, PACK_CHUNK, cut),
                       x + b * LANES * features, lanes + b * LANES * features);
        }
    });
}

static void unpack_block(Size features, Size live, Size begin, Size end, const float* lanes, float* x) {
    Size f = begin;
    for (; f + 4 <= end; f += 4)
        for (Size h = 0; h < 2; h++) {
            Quad r[4];
            for (Size i = 0; i < 4; i++) r[i] = *(const Quad*)(lanes + (f + i) * LANES + 4 * h);
            transpose4(r);
            for (Size l = 0; l < 4; l++)
                if (4 * h + l < live) memcpy(x + (4 * h + l) * features + f, &r[l], sizeof r[l]);
        }
    for (; f < end; f++)
        for (Size l = 0; l < live; l++) x[l * features + f] = lanes[f * LANES + l];
}

static void unpack(Size n, Size features, const float* lanes, float* x) {
    const Size cuts = chunks(features, PACK_CHUNK);
    parallel_for(chunks(n, LANES) * cuts, PACK_COST * LANES * PACK_CHUNK, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) {
            const Size b = unit / cuts, cut = unit % cuts;
            unpack_block(features, live_lanes(n, b), cut * PACK_CHUNK, chunk_end(features, PACK_CHUNK, cut),
                         lanes + b * LANES * features, x + b * LANES * features);
        }
    });
}

// Zip the bytes of two rows; of pairs; of fours: after the three, eight rows are columns.
static inline Bytes16 zip1_low(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static inline Bytes16 zip1_high(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
static inline Bytes16 zip2_low(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}
static inline Bytes16 zip2_high(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
}
static inline Bytes16 zip4_low(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}
static inline Bytes16 zip4_high(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
}

// One pixel of eight images, standardised; 0 in lanes without an image.
static inline V standardise(const uint8_t* pixel, V scale, V shift, M mask) {
    const V value = to_floats(widen(pixel));
    return (V)((M)(value * scale + shift) & mask);
}

// The pixels begin .. end - 1 of one channel of one block.
static void gather_block(const uint8_t* const row[LANES], Size begin, Size end, V scale, V shift, M mask,
                         float* lanes) {
    alignas(16) uint8_t columns[16 * LANES];
    Size p = begin;
    for (; p + 16 <= end; p += 16) {
        Bytes16 r[LANES];
        for (Size l = 0; l < LANES; l++) memcpy(&r[l], row[l] + p, sizeof r[l]);
        Bytes16 pairs[8], fours[8];
        for (Size i = 0; i < 4; i++) {
            pairs[i] = zip1_low(r[2 * i], r[2 * i + 1]);       // pixels 0 .. 7 of rows 2i, 2i + 1
            pairs[4 + i] = zip1_high(r[2 * i], r[2 * i + 1]);  // pixels 8 .. 15
        }
        for (Size h = 0; h < 2; h++)
            for (Size i = 0; i < 2; i++) {
                fours[4 * h + i] = zip2_low(pairs[4 * h + 2 * i], pairs[4 * h + 2 * i + 1]);
                fours[4 * h + 2 + i] = zip2_high(pairs[4 * h + 2 * i], pairs[4 * h + 2 * i + 1]);
            }
        for (Size i = 0; i < 4; i++) {
            *(Bytes16*)(columns + 32 * i) = zip4_low(fours[2 * i], fours[2 * i + 1]);
            *(Bytes16*)(columns + 32 * i + 16) = zip4_high(fours[2 * i], fours[2 * i + 1]);
        }
        for (Size i = 0; i < 16; i++)
            *(V*)(lanes + (p + i) * LANES) = standardise(columns + i * LANES, scale, shift, mask);
    }
    for (; p < end; p++) {
        for (Size l = 0; l < LANES; l++) columns[l] = row[l][p];
        *(V*)(lanes + p * LANES) = standardise(columns, scale, shift, mask);
    }
}

static void gather(Size n, Size C, Size pixels, const uint8_t* images, const int64_t* index,
                   const float* scale, const float* shift, float* lanes) {
    const Size cuts = chunks(pixels, PACK_CHUNK);
    parallel_for(chunks(n, LANES) * C * cuts, PACK_COST * LANES * PACK_CHUNK, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) {
            const Size cut = unit % cuts, c = unit / cuts % C, b = unit / cuts / C;
            const Size live = live_lanes(n, b);
            const uint8_t* row[LANES];
            for (Size l = 0; l < LANES; l++)
                row[l] = images + (index[b * LANES + (l < live ? l : 0)] * C + c) * pixels;
            gather_block(row, cut * PACK_CHUNK, chunk_end(pixels, PACK_CHUNK, cut), splat(scale[c]),
                         splat(shift[c]), live_mask(live), lanes + (b * C + c) * pixels * LANES);
        }
    });
}
