// The core's own pool of threads: one parallel loop at a time, units handed out in order.
#pragma once
#include <functional>

#include "sizes.hpp"

namespace byhand {

// Call body(begin, end, slot) on ranges that cover 0 .. units - 1, each once; `slot` is the number of
// the thread (0 .. threads() - 1), for scratch memory. `cost` is the work of one unit in floating-point
// operations or so: small loops stay on the calling thread. Ranges are split evenly and statically, so
// that which slot does which unit depends on the number of threads only. What body throws comes out once all of the loop is done.
void parallel_for(Size units, double cost, const std::function<void(Size begin, Size end, int slot)>& body);

// The same for a plain function: body(context, begin, end, slot). What is compiled for one instruction set
// uses this one (isa.cpp), because the inline functions of std::function could be shared with all others.
void run_loop(Size units, double cost, void (*body)(const void* context, Size begin, Size end, int slot),
              const void* context);

int threads();
void set_threads(int n);  // at least 1; the pool grows or shrinks when next used

// Scratch memory of one slot: at least `floats` floats, 64-byte aligned, kept between calls. Each calling
// thread has its own set of slots: the body sees that of its loop's caller, and so does the caller before
// and after the loop, for any slot below threads(). Asking for more than before loses what was in it. A
// loop inside another loop's body has a set of its own, which is seen from within that inner body only.
float* scratch(int slot, Size floats);

}  // namespace byhand
