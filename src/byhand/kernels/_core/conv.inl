// Convolution forward and its input gradient, which are the same sum; the weight gradient is in
// conv_gradient.inl. Included inside the namespace of one instruction set.

#include "conv_tiles.inl"

// Work out a Sum. `reserved` floats at the beginning of slot 0's scratch memory are in use.
static void run(const Sum& s, const float* in, const float* w, const float* b, float* out, bool relu,
                long reserved) {
    if (s.blocks <= 0 || s.O <= 0 || s.ny <= 0 || s.nx <= 0) return;
    const Plan plan(s);
    const float floor = relu ? 0 : NO_FLOOR;
    const Split& channels = plan.channels;

    // A unit is some output channels and rows of a block; rows are divided until there are 32 units or so,
    // which balance well on a few threads.
    const long parts = most(1, least(s.ny / 4, ceil_div(32, s.blocks * channels.parts)));
    const double cost = 2.0 * LANES * s.O * s.I * s.nu * s.nv * s.ny * s.nx / (channels.parts * parts);

    parallel_for(s.blocks * parts * channels.parts, cost, [&](long unit, long unit_end, int slot) {
        const long used = slot == 0 ? reserved : 0;
        Q* const padded = plan.copy ? (Q*)(scratch(slot, used + plan.copied()) + used) : nullptr;
        long padded_block = -1;
        for (; unit < unit_end; unit++) {
            const long f0 = channels.begin(unit % channels.parts);
            const long ft = channels.begin(unit % channels.parts + 1) - f0;
            const long part = unit / channels.parts % parts, block = unit / (channels.parts * parts);
            Strip p{nullptr, 0, w + f0 * s.I * s.nu * s.nv, b ? b + f0 : nullptr,
                    (Q*)out + (block * s.O + f0) * s.OH * s.OW * PARTS, floor,
                    s.ny * part / parts, s.ny * (part + 1) / parts, 0, false, false};
            plan.set_picture(p, (const Q*)in + block * s.I * s.IH * s.IW * PARTS, padded, block == padded_block);
            padded_block = block;
            plan.strips(p, ft);
        }
    });
}

static void conv_forward(const Conv& c, const float* x, const float* w, const float* b, float* y, bool relu) {
    run({.blocks = c.blocks, .I = c.C, .IH = c.H, .IW = c.W, .O = c.F, .OH = c.OH, .OW = c.OW,
         .nu = c.KH, .nv = c.KW, .ny = c.OH, .nx = c.OW,
         .iy = -c.top, .ix = -c.left, .iys = c.SH, .ixs = c.SW, .oy = 0, .ox = 0, .oys = 1, .oxs = 1},
        x, w, b, y, relu, 0);
}

// One axis of the input gradient. Pixel h got weight u from output pixel o where o S + u = h + before:
// the pixels of one remainder of (h + before) / S share their weights u = r, r + S, ..., and the sum over
// them, last weight first, is over neighbouring output pixels.
struct Phase {
    long taps;          // n of them, in the order u = r + (n - 1) S, ..., r
    long first, count;  // pixels first, first + S, ...
    long from;          // the output pixel of the first tap at the first pixel
    Phase(long r, long K, long S, long before, long size)
        : taps(r < K ? (K - 1 - r) / S + 1 : 0),
          first(((r - before) % S + S) % S),
          count(first < size ? (size - 1 - first) / S + 1 : 0),
          from((first + before - r) / S - (taps - 1)) {}
};

static void conv_input_gradient(const Conv& c, const float* dy, const float* w, float* dx) {
    for (long r = 0; r < c.SH; r++)
        for (long q = 0; q < c.SW; q++) {
            const Phase v(r, c.KH, c.SH, c.top, c.H), h(q, c.KW, c.SW, c.left, c.W);
            if (c.blocks <= 0 || v.count == 0 || h.count == 0) continue;
            const bool none = v.taps == 0 || h.taps == 0;
            const long nu = none ? 0 : v.taps, nv = none ? 0 : h.taps;
            // This phase's weights, (F, C, KH, KW) to (C, F, nu, nv), turned by 180 degrees.
            const long size = c.C * c.F * nu * nv, reserved = ceil_div(size, 16) * 16;
            float* const turned = scratch(0, reserved + c.F * c.OH * (h.count + nv) * LANES);
            for (long f = 0; f < c.F; f++)
                for (long i = 0; i < c.C; i++) {
                    const float* from = w + ((f * c.C + i) * c.KH + r) * c.KW + q;
                    float* to = turned + (i * c.F + f) * nu * nv;
                    for (long a = nu - 1; a >= 0; a--)
                        for (long e = nv - 1; e >= 0; e--) *to++ = from[a * c.SH * c.KW + e * c.SW];
                }
            run({.blocks = c.blocks, .I = c.F, .IH = c.OH, .IW = c.OW, .O = c.C, .OH = c.H, .OW = c.W,
                 .nu = nu, .nv = nv, .ny = v.count, .nx = h.count,
                 .iy = none ? 0 : v.from, .ix = none ? 0 : h.from, .iys = 1, .ixs = 1,
                 .oy = v.first, .ox = h.first, .oys = c.SH, .oxs = c.SW},
                dy, turned, nullptr, dx, false, reserved);
        }
}

#include "conv_gradient.inl"
