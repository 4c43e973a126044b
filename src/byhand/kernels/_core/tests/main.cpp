// Tests of the compiled core without Python: every kernel of every instruction set that runs here against
// plain double loops, with 1, 2, 3 and 5 threads; then the pool, from many threads and after a fork. Says
// one line for each mismatch and exits with 1. Arguments: the topics to test, all of them unless given.
//
// test.sh compiles it with the kernels; `make core-test` does so plain and under sanitizers (the test of
// forks is left out under the thread sanitizer). Without a sanitizer no isa object may have weak symbols
// (isa.cpp says why): nm isa_*.o | grep ' [WVu] ' prints nothing.
#include <cstdio>

#include "support.hpp"

using namespace byhand::tests;

int main(int argc, char** argv) {
    const struct {
        const char* name;
        void (*test)();
    } topics[] = {
        {"choice", test_choice},  // first: its children must be the first to choose
        {"pack", test_pack},
        {"pool", test_pool},
        {"linear", test_linear},
        {"elementwise", test_elementwise},
        {"activation", test_activation},
        {"norm", test_norm},
        {"optim", test_optim},
        {"loss", test_loss},
        {"conv", test_conv},
        {"winograd", test_winograd},
        {"fused", test_fused},
        {"rows", test_rows},
        {"sizes", test_sizes},
        {"memory", test_memory},
        {"threads", test_threads},
    };
    int done = 0;
    for (const auto& topic : topics) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++) wanted = wanted || !std::strcmp(argv[i], topic.name);
        if (!wanted) continue;
        seed_random(1);  // so that no topic depends on those before it
        topic.test();
        done++;
    }
    if (!done) fail("no such topic");
    if (!failures()) std::printf("all right\n");
    return failures() ? 1 : 0;
}
