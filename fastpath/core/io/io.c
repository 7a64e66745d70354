/* The registry of packet backends: names to tables of functions.
 * It opens nothing by itself and holds no state. */
#include "io.h"
#include <stdio.h>
#include <string.h>

static const struct fp_io_ops *const backends[] = {&fp_io_socket};

const struct fp_io_ops *fp_io_backend(unsigned i) {
    return i < sizeof backends / sizeof backends[0] ? backends[i] : NULL;
}

const struct fp_io_ops *fp_io_find(const char *name) {
    for (unsigned i = 0; fp_io_backend(i); i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

int fp_io_open(struct fp_io **out, const char *name, const struct fp_io_config *config, char error_text[FP_IO_ERROR_TEXT_MAX]) {
    const struct fp_io_ops *ops = fp_io_find(name);
    *out = NULL;
    if (ops) return ops->open(out, config, error_text);
    int used = snprintf(error_text, FP_IO_ERROR_TEXT_MAX, "unknown packet backend \"%.16s\"; known:", name);
    for (unsigned i = 0; fp_io_backend(i) && used > 0 && used < FP_IO_ERROR_TEXT_MAX; i++)
        used += snprintf(error_text + used, FP_IO_ERROR_TEXT_MAX - (size_t)used, " %s", backends[i]->name);
    return FP_E_NOT_FOUND;
}
