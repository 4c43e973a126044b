// The losses, as in kernels/reference/loss.py, of a block of images at a time.

// body(k, targets of all images) for each k, from the plain (n, K) of a block; zeros in lanes without an
// image.
template <class Body>
static inline void for_targets(const float* targets, Size K, Size live, const Body& body) {
    const float* row[LANES];
    for (Size l = 0; l < LANES; l++) row[l] = targets + (l < live ? l : 0) * K;
    const M mask = live_mask(live);
    Size k = 0;
    for (; k + 4 <= K; k += 4) {
        Quad low[4], high[4];
        for (Size l = 0; l < 4; l++) {
            low[l] = load4(row[l] + k);
            high[l] = load4(row[4 + l] + k);
        }
        transpose4(low);
        transpose4(high);
        for (Size i = 0; i < 4; i++) body(k + i, (V)((M)whole(low[i], high[i]) & mask));
    }
    for (; k < K; k++) {
        V t = {};
        for (Size l = 0; l < live; l++) t[l] = row[l][k];
        body(k, t);
    }
}

// The first `live` of eight plain floats, zeros in the other lanes.
static inline V load_live(const float* from, Size live) {
    V v = {};
    memcpy(&v, from, (size_t)live * sizeof(float));
    return v;
}

// Cross-entropy ----------------------------------------------------------------------------------------

static const double LOSS_COST = 100;  // operations that take as long as one class of one image

// Targets from labels: `on` for the label's class, `off` for the others.
struct Labels {
    M label;
    V on, off;
};
static inline Labels read_labels(const int64_t* labels, Size live, Size K, float smoothing) {
    Labels read = {};
    for (Size l = 0; l < LANES; l++) read.label[l] = l < live ? (int32_t)labels[l] : -1;
    const float share = smoothing / (float)K;
    read.on = splat((1 - smoothing) + share);
    read.off = splat(share);
    return read;
}
template <class Body>
static inline void for_targets(const Labels& labels, Size K, Size, const Body& body) {
    for (Size k = 0; k < K; k++) body(k, pick(equals(labels.label, (int32_t)k), labels.on, labels.off));
}

// One block; `targets` is the plain targets or the labels.
template <class Targets>
static inline void cross_entropy_block(Size K, Size live, const V* z, const Targets& targets, float* losses,
                                       V* p) {
    const M mask = live_mask(live);
    const V largest = largest_of(K, 1, z);
    LongSum exponentials, losses_of_classes;
    for (Size k = 0; k < K; k++) {
        p[k] = exp_lanes(z[k] - largest);
        exponentials.add(p[k]);
    }
    const V sum = exponentials.all(), log_sum = log_lanes(sum);
    for_targets(targets, K, live, [&](Size k, V t) {
        // A class that is no target costs nothing, also where its logit is minus infinity.
        const M none = is_zero(t);
        losses_of_classes.add((V)(~none & (M)(t * (log_sum - (z[k] - largest)))));
        p[k] = (V)((M)(p[k] / sum) & mask);
    });
    const V loss = losses_of_classes.all();
    memcpy(losses, &loss, (size_t)live * sizeof(float));
}

// body(block, live lanes) for the blocks of n images; `cost` is in operations for one of an image's K floats.
template <class Body>
static void for_blocks(Size n, Size K, double cost, const Body& body) {
    parallel_for(chunks(n, LANES), cost * LANES * (double)K, [&](Size begin, Size end, int) {
        for (Size b = begin; b < end; b++) body(b, live_lanes(n, b));
    });
}

static void cross_entropy(Size n, Size K, const float* logits, const float* targets, float* losses,
                          float* probabilities) {
    for_blocks(n, K, LOSS_COST, [=](Size b, Size live) {
        cross_entropy_block(K, live, (const V*)logits + b * K, targets + b * LANES * K, losses + b * LANES,
                            (V*)probabilities + b * K);
    });
}

static void cross_entropy_backward(Size n, Size K, const float* dlosses, const float* probabilities,
                                   const float* targets, float* dlogits) {
    for_blocks(n, K, LOSS_COST, [=](Size b, Size live) {
        const V* p = (const V*)probabilities + b * K;
        V* dz = (V*)dlogits + b * K;
        const V share = load_live(dlosses + b * LANES, live);
        LongSum all;
        for_targets(targets + b * LANES * K, K, live, [&](Size, V t) { all.add(t); });
        const V sum = all.all();
        // Lanes without an image have share, probabilities and targets of 0.
        for_targets(targets + b * LANES * K, K, live, [&](Size k, V t) { dz[k] = share * (p[k] * sum - t); });
    });
}

static void cross_entropy_labels(Size n, Size K, const float* logits, const int64_t* labels, float smoothing,
                                 float* losses, float* probabilities) {
    for_blocks(n, K, LOSS_COST, [=](Size b, Size live) {
        cross_entropy_block(K, live, (const V*)logits + b * K,
                            read_labels(labels + b * LANES, live, K, smoothing), losses + b * LANES,
                            (V*)probabilities + b * K);
    });
}

static void cross_entropy_labels_backward(Size n, Size K, const float* dlosses, const float* probabilities,
                                          const int64_t* labels, float smoothing, float* dlogits) {
    for_blocks(n, K, STREAM_COST, [=](Size b, Size live) {
        const V* p = (const V*)probabilities + b * K;
        V* dz = (V*)dlogits + b * K;
        const V share = load_live(dlosses + b * LANES, live);  // 0 in lanes without an image
        for_targets(read_labels(labels + b * LANES, live, K, smoothing), K, live,
                    [&](Size k, V t) { dz[k] = share * (p[k] - t); });  // the targets' sum is 1
    });
}

// Losses of each output --------------------------------------------------------------------------------

// For each output of each image: loss(y, t, derivative) gives its loss and sets its derivative.
template <class Loss>
static void mean_of_outputs(Size n, Size size, double cost, const float* outputs, const float* targets,
                            float* losses, float* derivative, const Loss& loss) {
    for_blocks(n, size, cost, [&](Size b, Size live) {
        const V* y = (const V*)outputs + b * size;
        V* dy = (V*)derivative + b * size;
        const M mask = live_mask(live);
        LongSum sum[4];
        for_targets(targets + b * LANES * size, size, live, [&](Size m, V t) {
            V d;
            sum[m % 4].add(loss(y[m], t, d));
            dy[m] = (V)((M)d & mask);
        });
        const V all = (sum[0].all() + sum[1].all()) + (sum[2].all() + sum[3].all());
        const V mean = all / splat((float)size);
        memcpy(losses + b * LANES, &mean, (size_t)live * sizeof(float));
    });
}

static void mean_squared_error(Size n, Size size, const float* outputs, const float* targets, float* losses,
                               float* derivative) {
    const V share = splat((float)(2.0 / (double)size));
    mean_of_outputs(n, size, 2 * STREAM_COST, outputs, targets, losses, derivative, [=](V y, V t, V& d) {
        const V difference = y - t;
        d = difference * share;
        return difference * difference;
    });
}

static void binary_cross_entropy(Size n, Size size, const float* logits, const float* targets, float* losses,
                                 float* derivative) {
    const V share = splat((float)(1.0 / (double)size));
    mean_of_outputs(n, size, 2 * CURVE_COST, logits, targets, losses, derivative, [=](V z, V t, V& d) {
        const V e = exp_lanes(-magnitude(z));
        const V probability = pick(above(z, V{}), splat(1), e) / (splat(1) + e);
        d = (probability - t) * share;
        // Of a logit on the right side nothing counts but the logarithm, also where it is infinite.
        const V against = pick(above(z, V{}), splat(1) - t, t);
        return (V)(~is_zero(against) & (M)(magnitude(z) * against)) + log1p_lanes(e);
    });
}

static void scale_images(Size n, Size size, const float* derivative, const float* dlosses, float* dx) {
    for_blocks(n, size, STREAM_COST, [=](Size b, Size live) {
        const V share = load_live(dlosses + b * LANES, live);
        for (Size m = b * size; m < (b + 1) * size; m++) ((V*)dx)[m] = ((const V*)derivative)[m] * share;
    });
}
