// Memory that begins at a cache line, on every system.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>

namespace byhand {

constexpr size_t CACHE_LINE = 64;

// `bytes` rounded up to whole cache lines; throws std::bad_alloc.
inline void* allocate_aligned(size_t bytes) {
    const size_t wanted = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
#if defined(_WIN32)
    void* start = _aligned_malloc(wanted, CACHE_LINE);
#else
    void* start = std::aligned_alloc(CACHE_LINE, wanted);
#endif
    if (!start) throw std::bad_alloc();
    return start;
}

inline void release_aligned(void* start) {
#if defined(_WIN32)
    _aligned_free(start);
#else
    std::free(start);
#endif
}

}  // namespace byhand
