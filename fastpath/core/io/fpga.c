/* Finds the card's library and its functions; see fpga.h. It calls none of them. */
#include "fpga.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char remedy[] = "build it: make sim-device";

static int find(struct fp_fpga *fpga, const char **missing) {
    /* A function's address comes as an object's: copied, since ISO C knows no cast between them. */
#define FIND(name)                                             \
    {                                                          \
        void *found = dlsym(fpga->library, "fp_card_" #name);  \
        if (!found) return *missing = "fp_card_" #name, -1;    \
        memcpy(&fpga->name, &found, sizeof found);             \
    }
    FP_FPGA_FUNCTIONS(FIND)
#undef FIND
    return 0;
}

int fp_fpga_load(struct fp_fpga *out, const char *path, char error_text[FP_FPGA_ERROR_TEXT_MAX]) {
    const char *missing;
    memset(out, 0, sizeof *out);
    if (!path[0]) {
        snprintf(error_text, FP_FPGA_ERROR_TEXT_MAX, "no card library is configured: set engine.card_library, or %s", remedy);
        return FP_E_NOT_FOUND;
    }
    out->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!out->library) {
        const char *why = dlerror();
        snprintf(error_text, FP_FPGA_ERROR_TEXT_MAX, "no card: %.170s; %s", why ? why : path, remedy);
        return FP_E_NOT_FOUND;
    }
    if (find(out, &missing) == 0) return 0;
    snprintf(error_text, FP_FPGA_ERROR_TEXT_MAX, "%.140s is not a card's library of this version: it has no %s; %s", path, missing, remedy);
    fp_fpga_unload(out);
    return FP_E_NOT_SUPPORTED;
}

void fp_fpga_unload(struct fp_fpga *fpga) {
    if (fpga->library) dlclose(fpga->library);
    memset(fpga, 0, sizeof *fpga);
}
