// The Python module byhand.kernels._compiled: memory, packing, threads and the choice of instruction set.
#include "arguments.hpp"
#include "threads.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace byhand {
namespace {

// Python sees memory as bytes; NumPy makes arrays of it without copying (numpy.frombuffer).
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
    Memory* memory = nb::inst_ptr<Memory>(self);
    return PyBuffer_FillInfo(view, self, memory->bytes(), static_cast<Py_ssize_t>(memory->size()), 0, flags);
}

PyType_Slot memory_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {0, nullptr}};

Owned pack(nb::handle x, Size n, Size features) {
    const Array<float> in(x, Count(n) * features, "the array");
    Owned lanes = new_floats(blocks_of(n) * features * LANES);
    compute(10.0 * n * features, [&] { kernels().pack(n, features, in, lanes->floats()); });
    return lanes;
}

void unpack(const Memory& lanes, Size n, Size features, nb::handle x) {
    need(lanes, blocks_of(n) * features * LANES, "lanes");
    const Array<float> out(x, Count(n) * features, "the array", true);
    compute(10.0 * n * features, [&] { kernels().unpack(n, features, lanes.floats(), out.data()); });
}

Owned gather(nb::handle images, nb::handle index, Size C, Size pixels, nb::handle scale, nb::handle shift) {
    const Size n = count_of(index), numbers = count_of(images), each = Count(C) * pixels;
    const Array<uint8_t> from(images, numbers, "the pictures");
    const Array<int64_t> which(index, n, "the index");
    const Array<float> scales(scale, C, "scale"), shifts(shift, C, "shift");
    const Size pictures = each > 0 ? numbers / each : 0;
    for (Size i = 0; i < n; i++)
        if (which[i] < 0 || which[i] >= pictures)
            shape_error("the index holds " + std::to_string(which[i]) + ", but there are " +
                        std::to_string(pictures) + " pictures");
    Owned lanes = new_floats(blocks_of(n) * each * LANES);
    compute(10.0 * n * each, [&] { kernels().gather(n, C, pixels, from, which, scales, shifts, lanes->floats()); });
    return lanes;
}

// GFLOP/s of multiply-adds in registers, on all threads at once: the best of several tries in `seconds`.
double fma_peak(double seconds) {
    using Clock = std::chrono::steady_clock;
    constexpr Size TURNS = 100'000;
    const OthersGoOn others;
    const int all = threads();
    std::vector<float> results(static_cast<size_t>(all));
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    double best = 0;
    do {
        const auto start = Clock::now();
        parallel_for(all, 1e9, [&](Size begin, Size stop, int) {
            for (Size t = begin; t < stop; t++)
                results[static_cast<size_t>(t)] = kernels().multiply_adds(TURNS);
        });
        const double took = std::chrono::duration<double>(Clock::now() - start).count();
        best = std::max(best, static_cast<double>(all) * TURNS * kernels().operations_per_turn / took / 1e9);
    } while (Clock::now() < end);
    return best;
}

}  // namespace

void bind_memory(nb::module_& m) {
    nb::class_<Memory>(m, "Memory", nb::type_slots(memory_slots))
        .def(nb::init<size_t>(), nb::arg("nbytes"))
        .def_prop_ro("nbytes", &Memory::size);
    m.def("memory_counts", [] {
        const MemoryCounts counts = memory_counts();
        return nb::make_tuple(counts.used, counts.kept, counts.allocations);
    });
    m.def("pack", pack);
    m.def("unpack", unpack);
    m.def("gather", gather);

    m.def("set_threads", set_threads);
    m.def("threads", threads);
    m.def("fma_peak", fma_peak);
    m.def("instruction_set", [] { return kernels().name; });
    m.def("instruction_sets", [] {
        nb::list names;
        for (const char* const* name = available(); *name; name++) names.append(*name);
        return names;
    });
    m.def("choose", choose);
    m.def("isa_problem", isa_problem, nb::sig("def isa_problem() -> str | None"));
    m.attr("LANES") = LANES;
}

}  // namespace byhand

NB_MODULE(_compiled, m) {
    // Threads that are there to the end keep what they hold (OthersGoOn): no leak that could be mended.
    nanobind::set_leak_warnings(false);
    nanobind::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const byhand::SizeError& error) {
            byhand::set_shape_error(error.what());
        }
    });
    m.doc() = "The compiled core; byhand.kernels.lanes is how to use it.";
    byhand::bind_memory(m);
    byhand::bind_windows(m);
    byhand::bind_values(m);
    byhand::bind_vectors(m);
    byhand::bind_pictures(m);
}
