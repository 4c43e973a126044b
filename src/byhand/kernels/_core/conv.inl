// Convolution forward and its input gradient, which are the same sum; the weight gradient is in
// conv_gradient.inl. Included inside the namespace of one instruction set.

#include "conv_tiles.inl"

#include "winograd.inl"

// A Sum with its weights, and how it is worked out.
struct Job {
    Plan plan;
    const float* w;
};

// Work out Sums of the same arrays and as many channels; all or none copy the picture, and share the copy.
// `reserved` floats at the beginning of slot 0's scratch memory are in use.
static void run(const Job* jobs, Size count, const float* in, const float* b, float* out, bool relu,
                Size reserved) {
    const Plan& first = jobs[0].plan;
    const Sum& all = first.s;
    const Split& channels = first.channels;
    const float floor = relu ? 0 : NO_FLOOR;

    // A unit is some output channels and rows of a block; rows are divided until there are 32 units or so,
    // which balance well on a few threads.
    const Size parts = most(1, least(all.ny / 4, ceil_div(32, all.blocks * channels.parts)));
    double cost = 0;
    for (Size k = 0; k < count; k++) {
        const Sum& s = jobs[k].plan.s;
        cost += 2.0 * LANES * s.O * s.I * s.nu * s.nv * s.ny * s.nx / (channels.parts * parts);
    }

    parallel_for(all.blocks * parts * channels.parts, cost, [&](Size unit, Size unit_end, int slot) {
        const Size used = slot == 0 ? reserved : 0;
        Q* const padded = first.copy ? (Q*)(scratch(slot, used + first.copied()) + used) : nullptr;
        Size padded_block = -1;
        for (; unit < unit_end; unit++) {
            const Size f0 = channels.begin(unit % channels.parts);
            const Size ft = channels.begin(unit % channels.parts + 1) - f0;
            const Size part = unit / channels.parts % parts, block = unit / (channels.parts * parts);
            const Q* const picture = (const Q*)in + block * all.I * all.IH * all.IW * PARTS;
            for (Size k = 0; k < count; k++) {
                const Sum& s = jobs[k].plan.s;
                Strip p{nullptr, 0, jobs[k].w + f0 * s.I * s.nu * s.nv, b ? b + f0 : nullptr,
                        (Q*)out + (block * s.O + f0) * s.OH * s.OW * PARTS, floor,
                        s.ny * part / parts, s.ny * (part + 1) / parts, 0, false, false};
                jobs[k].plan.set_picture(p, picture, padded, block == padded_block);
                padded_block = block;
                jobs[k].plan.strips(p, ft);
            }
        }
    });
}

// A kernel of one pixel at step 1 takes the picture as a single row, which strips divide best.
static Sum flattened(Sum s) {
    const bool same = s.nu == 1 && s.nv == 1 && s.iys == 1 && s.ixs == 1 && s.oys == 1 && s.oxs == 1 &&
                      s.iy == 0 && s.ix == 0 && s.oy == 0 && s.ox == 0 && s.ny == s.IH && s.nx == s.IW &&
                      s.nx == s.OW;
    if (!same) return s;
    s.IW = s.OW = s.nx = s.IH * s.IW;
    s.IH = s.OH = s.ny = 1;
    return s;
}

static void conv_forward(const Conv& c, const float* x, const float* w, const float* b, float* y, bool relu) {
    if (c.blocks <= 0 || c.F <= 0 || c.OH <= 0 || c.OW <= 0) return;
    if (winograd::forward(c, x, w, b, y, relu)) return;
    const Sum s = {.blocks = c.blocks, .I = c.C, .IH = c.H, .IW = c.W, .O = c.F, .OH = c.OH, .OW = c.OW,
                   .nu = c.KH, .nv = c.KW, .ny = c.OH, .nx = c.OW,
                   .iy = -c.top, .ix = -c.left, .iys = c.SH, .ixs = c.SW, .oy = 0, .ox = 0, .oys = 1, .oxs = 1};
    const Job job{Plan(flattened(s)), w};
    run(&job, 1, x, b, y, relu, 0);
}

// One axis of the input gradient. Pixel h got weight u from output pixel o where o S + u = h + before:
// the pixels of one remainder of (h + before) / S share their weights u = r, r + S, ..., and the sum over
// them, last weight first, is over neighbouring output pixels.
struct Phase {
    Size taps;          // n of them, in the order u = r + (n - 1) S, ..., r
    Size first, count;  // pixels first, first + S, ...
    Size from;          // the output pixel of the first tap at the first pixel
    Phase(Size r, Size K, Size S, Size before, Size size)
        : taps(r < K ? (K - 1 - r) / S + 1 : 0),
          first(((r - before) % S + S) % S),
          count(first < size ? (size - 1 - first) / S + 1 : 0),
          from((first + before - r) / S - (taps - 1)) {}
};

// The weights of remainders r, q, (F, C, KH, KW) to (C, F, nu, nv), turned by 180 degrees.
static void turn(const Conv& c, Size r, Size q, Size nu, Size nv, const float* w, float* turned) {
    for (Size i = 0; i < c.C; i++)
        for (Size f = 0; f < c.F; f++) {
            const float* from = w + ((f * c.C + i) * c.KH + r) * c.KW + q;
            for (Size a = nu - 1; a >= 0; a--)
                for (Size e = nv - 1; e >= 0; e--) *turned++ = from[a * c.SH * c.KW + e * c.SW];
        }
}

static void conv_input_gradient(const Conv& c, const float* dy, const float* w, float* dx) {
    if (c.blocks <= 0 || c.C <= 0) return;
    if (winograd::input_gradient(c, dy, w, dx)) return;
    constexpr Size MOST = 16;  // remainders done together, so that dx is written while it is in the cache
    Job jobs[MOST];
    for (Size phase = 0; phase < c.SH * c.SW;) {
        Size count = 0, size = 0;
        for (; phase < c.SH * c.SW && count < MOST; phase++) {
            const Size r = phase / c.SW, q = phase % c.SW;
            const Phase v(r, c.KH, c.SH, c.top, c.H), h(q, c.KW, c.SW, c.left, c.W);
            if (v.count == 0 || h.count == 0) continue;
            const bool none = v.taps == 0 || h.taps == 0;
            const Sum s = {.blocks = c.blocks, .I = c.F, .IH = c.OH, .IW = c.OW, .O = c.C, .OH = c.H, .OW = c.W,
                           .nu = none ? 0 : v.taps, .nv = none ? 0 : h.taps, .ny = v.count, .nx = h.count,
                           .iy = none ? 0 : v.from, .ix = none ? 0 : h.from, .iys = 1, .ixs = 1,
                           .oy = v.first, .ox = h.first, .oys = c.SH, .oxs = c.SW};
            jobs[count++] = {Plan(flattened(s)), w + r * c.KW + q};
            size += c.C * c.F * s.nu * s.nv;
        }
        if (count == 0) continue;
        // One copy of the picture serves all.
        bool copy = false;
        Size from = jobs[0].plan.from, end = from;
        for (Size k = 0; k < count; k++) {
            const Plan& plan = jobs[k].plan;
            copy = copy || plan.copy;
            from = least(from, plan.from);
            end = most(end, plan.from + plan.columns);
        }
        for (Size k = 0; k < count && copy; k++) {
            jobs[k].plan.copy = true;
            jobs[k].plan.from = from;
            jobs[k].plan.columns = end - from;
        }
        const Size reserved = ceil_div(size, 16) * 16;
        float* turned = scratch(0, reserved + jobs[0].plan.copied());
        for (Size k = 0; k < count; k++) {
            const Sum& s = jobs[k].plan.s;
            const Size place = jobs[k].w - w;
            turn(c, place / c.KW, place % c.KW, s.nu, s.nv, w, turned);
            jobs[k].w = turned;
            turned += c.C * c.F * s.nu * s.nv;
        }
        run(jobs, count, dy, nullptr, dx, false, reserved);
    }
}

#include "winograd_gradient.inl"

#include "conv_gradient.inl"
