/* Loading of libzmq; see zmq_api.h. */
#include "zmq_api.h"
#include "../fastpath.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int fp_zmq_load(struct fp_zmq *zmq, const char *path, char *error_text) {
    memset(zmq, 0, sizeof *zmq);
    zmq->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!zmq->library) {
        const char *why = dlerror();
        snprintf(error_text, FP_ERROR_TEXT_MAX, "cannot load libzmq: %.200s; `pip install pyzmq` brings one", why ? why : path);
        return FP_E_NOT_SUPPORTED;
    }
    void (*version)(int *, int *, int *) = NULL;
    const struct {
        const char *name;
        void *target;
    } wanted[] = {
        {"zmq_version", &version}, {"zmq_ctx_new", &zmq->ctx_new}, {"zmq_ctx_term", &zmq->ctx_term}, {"zmq_socket", &zmq->socket}, {"zmq_close", &zmq->close},
        {"zmq_setsockopt", &zmq->setsockopt}, {"zmq_getsockopt", &zmq->getsockopt}, {"zmq_bind", &zmq->bind}, {"zmq_send", &zmq->send},
        {"zmq_msg_init", &zmq->msg_init}, {"zmq_msg_init_size", &zmq->msg_init_size}, {"zmq_msg_data", &zmq->msg_data}, {"zmq_msg_size", &zmq->msg_size},
        {"zmq_msg_send", &zmq->msg_send}, {"zmq_msg_recv", &zmq->msg_recv}, {"zmq_msg_close", &zmq->msg_close}, {"zmq_errno", &zmq->zerrno}, {"zmq_strerror", &zmq->strerror},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *symbol = dlsym(zmq->library, wanted[i].name);
        if (!symbol) {
            snprintf(error_text, FP_ERROR_TEXT_MAX, "%.160s has no %s: it is not libzmq 4", path, wanted[i].name);
            fp_zmq_unload(zmq);
            return FP_E_NOT_SUPPORTED;
        }
        memcpy(wanted[i].target, &symbol, sizeof symbol);
    }
    version(&zmq->major, &zmq->minor, &zmq->patch);
    if (zmq->major == 4) return 0;
    snprintf(error_text, FP_ERROR_TEXT_MAX, "libzmq %d.%d.%d at %.160s; version 4 is needed", zmq->major, zmq->minor, zmq->patch, path);
    fp_zmq_unload(zmq);
    return FP_E_NOT_SUPPORTED;
}

void fp_zmq_unload(struct fp_zmq *zmq) {
    if (zmq->library) dlclose(zmq->library);
    memset(zmq, 0, sizeof *zmq);
}
