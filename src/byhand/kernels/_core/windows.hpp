// Convolutions and poolings whose sizes are known to fit, and how many numbers their arrays have.
#pragma once
#include <algorithm>

#include "core.hpp"

namespace byhand {

// A step of the window that leads beyond the picture is shortened to one that just does: the windows see the
// same, and the kernels may count by it.
inline Size shortened(Size stride, Size size, Size before) { return std::min(stride, std::max<Size>(size + before, 1)); }

// Of a convolution or pooling, with steps that the kernels may count by.
template <class Windows>
Windows checked(Windows w) {
    for (const Size size : {w.C, w.H, w.W, w.top, w.left, w.OH, w.OW}) (void)Count(size);
    for (const Size size : {w.KH, w.KW, w.SH, w.SW}) (void)Count(size - 1);
    w.SH = shortened(w.SH, w.H, w.top);
    w.SW = shortened(w.SW, w.W, w.left);
    (void)(Count(w.OH) * w.OW * w.KH * w.KW);
    // The largest copies that a kernel makes: of a picture with its padding, by remainders of the step.
    const Count height = w.H + w.top + w.KH + Count(w.OH) * w.SH, width = w.W + w.left + w.KW + Count(w.OW) * w.SW;
    (void)(Count(w.C) * height * width * LANES);
    if constexpr (requires { w.F; }) {
        (void)(Count(w.F) * w.C * w.KH * w.KW);
        (void)(Count(w.F) * (w.OH + 2 * w.KH) * (w.OW + 2 * w.KW) * LANES);
    }
    return w;
}

// So many blocks of them.
template <class Windows>
Windows blocks_in(Windows w, Size blocks) {
    w.blocks = Count(blocks);
    return w;
}

inline Size x_floats(const Conv& c) { return Count(c.blocks) * c.C * c.H * c.W * LANES; }
inline Size y_floats(const Conv& c) { return Count(c.blocks) * c.F * c.OH * c.OW * LANES; }
inline Size pooled_floats(const Conv& c) { return Count(c.blocks) * c.F * (c.OH / 2) * (c.OW / 2) * LANES; }
inline Size weights(const Conv& c) { return Count(c.F) * c.C * c.KH * c.KW; }
inline Size x_floats(const Pool& p) { return Count(p.blocks) * p.C * p.H * p.W * LANES; }
inline Size y_floats(const Pool& p) { return Count(p.blocks) * p.C * p.OH * p.OW * LANES; }

}  // namespace byhand
