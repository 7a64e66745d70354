/* Waking a sleeping thread: an eventfd, written only when the sleeper said that it
 * sleeps, so that a busy pair of threads makes no system call for each other.
 * Sleeper: prepare, look at the rings once more, poll the fd, then woken. */
#ifndef FP_WAKER_H
#define FP_WAKER_H
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fp_waker {
    _Alignas(64) _Atomic int asleep;
    int fd;
};

/* 0, or -1 with errno. */
static inline int fp_waker_open(struct fp_waker *waker) {
    atomic_init(&waker->asleep, 0);
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker->fd < 0 ? -1 : 0;
}

static inline void fp_waker_close(struct fp_waker *waker) {
    if (waker->fd >= 0) close(waker->fd);
    waker->fd = -1;
}

static inline void fp_waker_prepare(struct fp_waker *waker) {
    atomic_exchange(&waker->asleep, 1);
}

static inline void fp_waker_woken(struct fp_waker *waker) {
    atomic_store(&waker->asleep, 0);
    uint64_t count;
    /* EAGAIN: it was a timeout or another fd */
    if (read(waker->fd, &count, sizeof count) < 0) return;
}

/* After publishing to a ring. The read-modify-write orders the ring's index before the look at the flag. */
static inline void fp_waker_ring(struct fp_waker *waker) {
    if (atomic_fetch_add(&waker->asleep, 0) == 0) return;
    uint64_t one = 1;
    if (write(waker->fd, &one, sizeof one) < 0) return; /* full: it is readable anyway */
}

#endif
