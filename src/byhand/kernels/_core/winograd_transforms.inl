// The transforms of one line of Winograd's minimal filtering; what they are for is said in winograd.inl.
//
// The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, in this order. The divisors of the interpolation are
// in G: 1, -3/2 for the near points, 6 for the far ones, and 1.

constexpr int STEP = 4, SIDE = 6, POSITIONS = SIDE * SIDE;  // outputs and inputs of a tile, along a side
constexpr float ROOT2 = 1.41421356237309505f, ROOT_HALF = 0.70710678118654752f;

// B' d.
template <class T>
static inline void transform_input(const T* d, T* t) {
    t[0] = d[0] + d[4] - 2.5f * d[2];
    t[5] = d[1] + d[5] - 2.5f * d[3];
    const T even1 = d[4] - 2.0f * d[2], odd1 = d[3] - 2.0f * d[1];
    t[1] = even1 + ROOT_HALF * odd1;
    t[2] = even1 - ROOT_HALF * odd1;
    const T even2 = d[4] - 0.5f * d[2], odd2 = d[3] - 0.5f * d[1];
    t[3] = even2 + ROOT2 * odd2;
    t[4] = even2 - ROOT2 * odd2;
}

// G w.
constexpr float NEAR_POINTS = -2.0f / 3, FAR_POINTS = 1.0f / 6;

template <class T>
static inline void transform_weight(const T* w, T* u) {
    u[0] = w[0];
    u[5] = w[2];
    const T even1 = NEAR_POINTS * (w[0] + 0.5f * w[2]), odd1 = NEAR_POINTS * ROOT_HALF * w[1];
    u[1] = even1 + odd1;
    u[2] = even1 - odd1;
    const T even2 = FAR_POINTS * (w[0] + 2.0f * w[2]), odd2 = FAR_POINTS * ROOT2 * w[1];
    u[3] = even2 + odd2;
    u[4] = even2 - odd2;
}

// A' m.
template <class T>
static inline void transform_output(const T* m, T* y) {
    const T even1 = m[1] + m[2], odd1 = m[1] - m[2], even2 = m[3] + m[4], odd2 = m[3] - m[4];
    y[0] = m[0] + even1 + even2;
    y[1] = ROOT_HALF * odd1 + ROOT2 * odd2;
    y[2] = 0.5f * even1 + 2.0f * even2;
    y[3] = m[5] + 0.5f * ROOT_HALF * odd1 + 2.0f * ROOT2 * odd2;
}

// A dy: the transpose of transform_output.
template <class T>
static inline void transform_gradient(const T* d, T* t) {
    t[0] = d[0];
    t[5] = d[3];
    const T even1 = d[0] + 0.5f * d[2], odd1 = ROOT_HALF * (d[1] + 0.5f * d[3]);
    t[1] = even1 + odd1;
    t[2] = even1 - odd1;
    const T even2 = d[0] + 2.0f * d[2], odd2 = ROOT2 * (d[1] + 2.0f * d[3]);
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
}

// G' s: the transpose of transform_weight.
template <class T>
static inline void transform_products(const T* s, T* w) {
    const T near = NEAR_POINTS * (s[1] + s[2]), far = FAR_POINTS * (s[3] + s[4]);
    w[0] = s[0] + near + far;
    w[1] = NEAR_POINTS * ROOT_HALF * (s[1] - s[2]) + FAR_POINTS * ROOT2 * (s[3] - s[4]);
    w[2] = s[5] + 0.5f * near + 2.0f * far;
}
