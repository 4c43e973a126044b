// What Python hands to the kernels, checked: sizes, arrays of NumPy, the memory of lanes, and errors in one sentence.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/unique_ptr.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "core.hpp"
#include "memory.hpp"

namespace byhand {

namespace nb = nanobind;

// Raise byhand.errors.ShapeError.
inline void set_shape_error(const char* text) {
    const nb::object error = nb::module_::import_("byhand.errors").attr("ShapeError");
    PyErr_SetString(error.ptr(), text);
}
[[noreturn]] inline void shape_error(const std::string& text) {
    set_shape_error(text.c_str());
    throw nb::python_error();
}

// A NumPy array of one type, as long as the kernel reads it; null for None. What does not lie in memory
// in its own order is copied, what is to be written must.
template <class T>
class Array {
public:
    Array(nb::handle array, Size count, const char* name, bool writable = false) {
        if (array.is_none()) return;
        const int flags = PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(array.ptr(), &view, flags)) {
            PyErr_Clear();
            if (writable) shape_error(std::string(name) + " cannot be written in place; copy it first");
            copy = nb::module_::import_("numpy").attr("ascontiguousarray")(array);
            if (PyObject_GetBuffer(copy.ptr(), &view, flags)) throw nb::python_error();
        }
        held.view = &view;
        if (!is_type(view.format, view.itemsize))
            shape_error(std::string(name) + " is of NumPy's type '" + view.format + "', but the compiled core takes " +
                        type_name() + "; convert it with .astype(), or use the reference layout");
        if (view.len != Count(count) * Size{sizeof(T)})
            shape_error(std::string(name) + " has " + std::to_string(view.len / sizeof(T)) + " numbers where " +
                        std::to_string(count) + " are needed");
    }
    Array(const Array&) = delete;

    operator const T*() const { return data(); }
    T* data() const { return held.view ? static_cast<T*>(view.buf) : nullptr; }

private:
    // Released also where the constructor throws.
    struct Held {
        Py_buffer* view = nullptr;
        ~Held() {
            if (view) PyBuffer_Release(view);
        }
    };

    nb::object copy;
    Py_buffer view{};
    Held held;

    static constexpr const char* type_name() {
        return std::is_same_v<T, float> ? "float32" : std::is_same_v<T, double> ? "float64"
             : std::is_same_v<T, uint8_t> ? "uint8" : "int64";
    }
    static bool is_type(const char* format, Py_ssize_t size) {
        if (size != sizeof(T) || !format) return false;
        if (*format == '<' || *format == '=' || *format == '@') format++;
        if (std::is_same_v<T, float>) return *format == 'f';
        if (std::is_same_v<T, double>) return *format == 'd';
        if (std::is_same_v<T, uint8_t>) return *format == 'B';
        return *format == 'l' || *format == 'q';
    }
};

// How many numbers an array holds; 0 for None.
inline Size count_of(nb::handle array) {
    return array.is_none() ? 0 : nb::cast<Size>(array.attr("size"));
}

// See that memory holds so many floats: a kernel would read past it.
inline void need(const Memory& memory, Size floats, const char* name) {
    if (memory.float_count() != floats)
        shape_error(std::string(name) + " holds " + std::to_string(memory.float_count()) + " numbers where " +
                    std::to_string(floats) + " are needed");
}

inline void need_bytes(const Memory& memory, Size bytes, const char* name) {
    if (static_cast<Size>(memory.size()) != bytes)
        shape_error(std::string(name) + " holds " + std::to_string(memory.size()) + " bytes where " +
                    std::to_string(bytes) + " are needed");
}

// Lets Python's other threads go on while it is there. When the interpreter shuts down, Python (before 3.14)
// ends a thread that asks to go on by unwinding its stack, which destructors and nanobind's frames end the whole
// program for; such a thread stands still instead until the program is gone.
class OthersGoOn {
public:
    OthersGoOn() : state(PyEval_SaveThread()) {}
    ~OthersGoOn() {
        try {
            PyEval_RestoreThread(state);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    OthersGoOn(const OthersGoOn&) = delete;

private:
    PyThreadState* const state;
};

// Run a kernel; one of much work (in operations) lets Python's other threads go on.
template <class Body>
void compute(double work, const Body& body) {
    if (work < 1e6) return body();
    const OthersGoOn others;
    body();
}

inline Count blocks_of(Count n) { return (n + LANES - 1) / LANES; }

using Owned = std::unique_ptr<Memory>;
inline Owned new_bytes(Count count) { return std::make_unique<Memory>(static_cast<size_t>(Size(count))); }
inline Owned new_floats(Count count) { return new_bytes(count * Size{sizeof(float)}); }

// Memory as a Python object, to be one of several results.
struct Result {
    Memory* memory;
    nb::object object;
    explicit Result(Owned owned) : memory(owned.get()), object(nb::cast(std::move(owned))) {}
    Memory* operator->() const { return memory; }
};

// The parts of the module, a page each.
void bind_memory(nb::module_& module);       // binding.cpp
void bind_windows(nb::module_& module);      // bind_windows.cpp: convolution and pooling
void bind_values(nb::module_& module);       // bind_values.cpp: linear, norm, activations, dropout, losses
void bind_vectors(nb::module_& module);      // bind_vectors.cpp: optimisers and sums over flat vectors
void bind_pictures(nb::module_& module);     // bind_pictures.cpp: augmentation

}  // namespace byhand
