// The choice of an instruction set, by name and by BYHAND_ISA.
#include <cstdlib>

#include "support.hpp"

namespace byhand::tests {
namespace {

void test_names() {
    const std::vector<std::string> isas = [] {
        std::vector<std::string> names;
        for (const char* const* isa = available(); *isa; isa++) names.push_back(*isa);
        return names;
    }();
    if (!kernels().name || isas.empty() || choose("sse9") || choose("") || choose(nullptr))
        fail("choose takes what it does not know");
    for (const std::string& isa : isas)
        if (!choose(isa.c_str()) || isa != kernels().name) fail("choose does not choose " + isa);
}

void test_environment() {
    const auto with = [](const char* value, const std::function<bool()>& body) {
        return in_child([&] {
            setenv("BYHAND_ISA", value, 1);
            return body();
        });
    };
    const auto best = [] { return !std::strcmp(kernels().name, available()[0]); };
    if (!with("", [&] { return best() && !isa_problem(); })) fail("an empty BYHAND_ISA is not the best one");
    if (!with("sse9", [&] { return best() && isa_problem() && std::strstr(isa_problem(), "'sse9'"); }))
        fail("an unknown BYHAND_ISA is not reported");
    if (!with(std::string(1000, 'x').c_str(), [&] { return best() && isa_problem(); }))
        fail("a long BYHAND_ISA is not reported");
#if defined(__x86_64__)
    if (!with("baseline", [] { return !std::strcmp(kernels().name, "baseline") && !isa_problem(); }))
        fail("BYHAND_ISA=baseline is not heard");
#endif
}

}  // namespace

void test_choice() {
    test_environment();
    test_names();
}

}  // namespace byhand::tests
