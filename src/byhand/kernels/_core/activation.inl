// Activations and their derivatives, as in kernels/reference/activation.py, and softmax over classes.

// Operations that take as long as one float of an exponential or the like.
static const double CURVE_COST = 50;

static void leaky_relu(Size count, float slope, const float* x, float* y) {
    const V factor = splat(slope);
    for_vectors(count, [=](Size i) {
        const V v = ((const V*)x)[i];
        ((V*)y)[i] = pick(above(v, V{}), v, v * factor);
    });
}

static void leaky_relu_backward(Size count, float slope, const float* x, const float* dy, float* dx) {
    const V factor = splat(slope);
    for_vectors(count, [=](Size i) {
        const V g = ((const V*)dy)[i];
        ((V*)dx)[i] = pick(above(((const V*)x)[i], V{}), g, g * factor);
    });
}

static void sigmoid(Size count, const float* x, float* y) {
    for_vectors(count, CURVE_COST, [=](Size i) { ((V*)y)[i] = sigmoid_lanes(((const V*)x)[i]); });
}

static void sigmoid_backward(Size count, const float* y, const float* dy, float* dx) {
    for_vectors(count, [=](Size i) {
        const V v = ((const V*)y)[i];
        ((V*)dx)[i] = ((const V*)dy)[i] * v * (splat(1) - v);
    });
}

static void tanh(Size count, const float* x, float* y) {
    for_vectors(count, CURVE_COST, [=](Size i) { ((V*)y)[i] = tanh_lanes(((const V*)x)[i]); });
}

static void tanh_backward(Size count, const float* y, const float* dy, float* dx) {
    for_vectors(count, [=](Size i) {
        const V v = ((const V*)y)[i];
        ((V*)dx)[i] = ((const V*)dy)[i] * (splat(1) - v * v);
    });
}

static void gelu(Size count, const float* x, float* y) {
    for_vectors(count, CURVE_COST, [=](Size i) {
        const V v = ((const V*)x)[i];
        ((V*)y)[i] = v * normal_lanes(v).p;
    });
}

static void gelu_backward(Size count, const float* x, const float* dy, float* dx) {
    for_vectors(count, CURVE_COST, [=](Size i) {
        const V v = ((const V*)x)[i];
        const Normal normal = normal_lanes(v);
        const V density = normal.bell * splat(0.398942280f);  // 1 / sqrt(2 pi)
        ((V*)dx)[i] = ((const V*)dy)[i] * (normal.p + v * density);
    });
}

// Softmax ----------------------------------------------------------------------------------------------

// body(i) for each column of classes in (blocks, K, P, L): its vectors are i, i + P, ... of the array.
template <class Body>
static void for_columns(Size blocks, Size K, Size P, const Body& body) {
    parallel_for(blocks * P, CURVE_COST * LANES * (double)K, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) body(unit / P * K * P + unit % P);
    });
}

// The largest of K vectors. It may miss a NaN, which then comes in with the sum.
static inline V largest_of(Size K, Size P, const V* x) {
    V largest = splat(-__builtin_inff());
    for (Size k = 0; k < K; k++) largest = larger(largest, x[k * P]);
    return largest;
}

static void softmax(Size blocks, Size K, Size P, const float* x, float* y) {
    for_columns(blocks, K, P, [=](Size column) {
        const V* in = (const V*)x + column;
        V* out = (V*)y + column;
        const V largest = largest_of(K, P, in);
        LongSum exponentials;
        for (Size k = 0; k < K; k++) {
            out[k * P] = exp_lanes(in[k * P] - largest);
            exponentials.add(out[k * P]);
        }
        const V sum = exponentials.all();
        for (Size k = 0; k < K; k++) out[k * P] /= sum;
    });
}

static void softmax_backward(Size blocks, Size K, Size P, const float* y, const float* dy, float* dx) {
    for_columns(blocks, K, P, [=](Size column) {
        const V *p = (const V*)y + column, *g = (const V*)dy + column;
        V* out = (V*)dx + column;
        LongSum products;
        for (Size k = 0; k < K; k++) products.add(g[k * P] * p[k * P]);
        const V sum = products.all();
        for (Size k = 0; k < K; k++) out[k * P] = p[k * P] * (g[k * P] - sum);
    });
}

static void log_softmax(Size blocks, Size K, Size P, const float* x, float* y) {
    for_columns(blocks, K, P, [=](Size column) {
        const V* in = (const V*)x + column;
        V* out = (V*)y + column;
        const V largest = largest_of(K, P, in);
        LongSum exponentials;
        for (Size k = 0; k < K; k++) exponentials.add(exp_lanes(in[k * P] - largest));
        const V log_sum = log_lanes(exponentials.all());
        for (Size k = 0; k < K; k++) out[k * P] = (in[k * P] - largest) - log_sum;
    });
}

static void log_softmax_backward(Size blocks, Size K, Size P, const float* y, const float* dy, float* dx) {
    for_columns(blocks, K, P, [=](Size column) {
        const V *log_p = (const V*)y + column, *g = (const V*)dy + column;
        V* out = (V*)dx + column;
        LongSum gradients;
        for (Size k = 0; k < K; k++) gradients.add(g[k * P]);
        const V sum = gradients.all();
        for (Size k = 0; k < K; k++) out[k * P] = g[k * P] - exp_lanes(log_p[k * P]) * sum;
    });
}
