/* The part of libzmq that the bus uses, found at run time: the library that came
 * with pyzmq serves, so that nothing has to be installed to build this. Declared here
 * by its documented ABI (4.x); it is never linked. */
#ifndef FP_ZMQ_API_H
#define FP_ZMQ_API_H
#include <stddef.h>
#include <stdint.h>

enum {
    FP_ZMQ_PUB = 1, FP_ZMQ_ROUTER = 6,
    FP_ZMQ_RCVMORE = 13, FP_ZMQ_FD = 14, FP_ZMQ_LINGER = 17, FP_ZMQ_MAXMSGSIZE = 22, FP_ZMQ_SNDHWM = 23, FP_ZMQ_RCVHWM = 24,
    FP_ZMQ_ROUTER_MANDATORY = 33,
    FP_ZMQ_DONTWAIT = 1, FP_ZMQ_SNDMORE = 2
};

/* As large and as aligned as zmq_msg_t. */
struct fp_zmq_msg {
    _Alignas(8) unsigned char opaque[64];
};

struct fp_zmq {
    void *library;
    int major, minor, patch;
    void *(*ctx_new)(void);
    int (*ctx_term)(void *);
    void *(*socket)(void *, int);
    int (*close)(void *);
    int (*setsockopt)(void *, int, const void *, size_t);
    int (*getsockopt)(void *, int, void *, size_t *);
    int (*bind)(void *, const char *);
    int (*send)(void *, const void *, size_t, int);
    int (*msg_init)(struct fp_zmq_msg *);
    int (*msg_init_size)(struct fp_zmq_msg *, size_t);
    void *(*msg_data)(struct fp_zmq_msg *);
    size_t (*msg_size)(const struct fp_zmq_msg *);
    int (*msg_send)(struct fp_zmq_msg *, void *, int);
    int (*msg_recv)(struct fp_zmq_msg *, void *, int);
    int (*msg_close)(struct fp_zmq_msg *);
    int (*zerrno)(void);
    const char *(*strerror)(int);
};

/* FP_E_NOT_SUPPORTED with a line in error_text (FP_ERROR_TEXT_MAX bytes): not found, or not libzmq 4. */
int fp_zmq_load(struct fp_zmq *zmq, const char *path, char *error_text);
void fp_zmq_unload(struct fp_zmq *zmq);

#endif
