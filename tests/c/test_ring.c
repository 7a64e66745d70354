// sources: fastpath/core/engine/memory.c
// flags: -pthread
// tsan
/* The single-producer ring, the newest-copy slots and the waker: order, wrap, full
 * and empty, and two threads that run as fast as they can. */
#include "check.h"
#include "engine/latest.h"
#include "engine/ring.h"
#include "engine/waker.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

enum { RECORDS = 300000 };

struct record {
    uint64_t number, square;
    uint8_t filler[48];
};

static struct record slots[1024];
static struct fp_ring ring;

static void refuses_bad_sizes(void) {
    struct fp_ring r;
    CHECK_EQ(fp_ring_init(&r, slots, 3, 64), FP_E_BAD_CONFIG);
    CHECK_EQ(fp_ring_init(&r, slots, 1, 64), FP_E_BAD_CONFIG);
    CHECK_EQ(fp_ring_init(&r, NULL, 4, 64), FP_E_BAD_CONFIG);
    CHECK_EQ(fp_ring_init(&r, slots, 4, 0), FP_E_BAD_CONFIG);
}

static void fills_and_empties_in_order(void) {
    struct record out;
    CHECK_EQ(fp_ring_init(&ring, slots, 4, sizeof *slots), 0);
    CHECK_EQ(fp_ring_pop(&ring, &out), 0);
    for (uint64_t round = 0; round < 5; round++) {
        for (uint64_t i = 0; i < 4; i++) CHECK_EQ(fp_ring_push(&ring, &(struct record){.number = round * 4 + i}), 1);
        CHECK_EQ(fp_ring_push(&ring, &(struct record){.number = 99}), 0);
        CHECK_EQ(fp_ring_room(&ring), 0);
        CHECK_EQ(fp_ring_ready(&ring), 4);
        for (uint64_t i = 0; i < 4; i++) {
            CHECK_EQ(fp_ring_pop(&ring, &out), 1);
            CHECK_EQ(out.number, round * 4 + i);
        }
        CHECK_EQ(fp_ring_room(&ring), 4);
    }
}

static void claimed_slots_show_with_the_publish(void) {
    CHECK_EQ(fp_ring_init(&ring, slots, 4, sizeof *slots), 0);
    struct record *first = fp_ring_claim(&ring), *second = fp_ring_claim(&ring);
    CHECK(first && second && first != second);
    CHECK_EQ(fp_ring_ready(&ring), 0);
    fp_ring_publish(&ring);
    CHECK_EQ(fp_ring_ready(&ring), 2);
    CHECK(fp_ring_at(&ring, 0) == first && fp_ring_at(&ring, 1) == second);
    CHECK_EQ(fp_ring_slot(&ring, 1), 1);
}

static void *produce(void *argument) {
    (void)argument;
    for (uint64_t i = 0; i < RECORDS;) {
        struct record *slot = fp_ring_claim(&ring);
        if (!slot) {
            fp_ring_publish(&ring);
            sched_yield();
            continue;
        }
        slot->number = i;
        slot->square = i * i;
        if (i % 7 == 0) fp_ring_publish(&ring);
        i++;
    }
    fp_ring_publish(&ring);
    return NULL;
}

static void two_threads_lose_nothing(void) {
    pthread_t thread;
    uint64_t next = 0, wrong = 0;
    CHECK_EQ(fp_ring_init(&ring, slots, 1024, sizeof *slots), 0);
    CHECK_EQ(pthread_create(&thread, NULL, produce, NULL), 0);
    while (next < RECORDS) {
        uint32_t ready = fp_ring_ready(&ring);
        if (!ready) sched_yield();
        for (uint32_t i = 0; i < ready; i++, next++) {
            const struct record *record = fp_ring_at(&ring, i);
            wrong += record->number != next || record->square != next * next;
        }
        fp_ring_consume(&ring, ready);
    }
    pthread_join(thread, NULL);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(fp_ring_ready(&ring), 0);
}

static struct fp_latest latest;
static uint64_t copies[3][64];
static _Atomic int writing;

static void *write_copies(void *argument) {
    (void)argument;
    for (uint64_t i = 1; i <= 100000; i++) {
        for (int j = 0; j < 64; j++) copies[latest.writer][j] = i;
        fp_latest_publish(&latest);
    }
    atomic_store(&writing, 0);
    return NULL;
}

static void newest_copy_is_never_half(void) {
    pthread_t thread;
    uint64_t torn = 0, back = 0, before = 0;
    fp_latest_init(&latest);
    atomic_store(&writing, 1);
    CHECK_EQ(pthread_create(&thread, NULL, write_copies, NULL), 0);
    do {
        const uint64_t *copy = copies[fp_latest_take(&latest)];
        for (int j = 1; j < 64; j++) torn += copy[j] != copy[0];
        back += copy[0] < before;
        before = copy[0];
    } while (atomic_load(&writing));
    pthread_join(thread, NULL);
    CHECK_EQ(torn, 0);
    CHECK_EQ(back, 0);
    CHECK_EQ(copies[fp_latest_take(&latest)][0], 100000);
}

static struct fp_waker waker;

/* Sleeps whenever the ring is empty; a lost wake-up would leave it there until the poll's long timeout. */
static void *sleepy_consumer(void *argument) {
    uint64_t *late = argument, next = 0;
    struct record out;
    while (next < 20000) {
        while (fp_ring_pop(&ring, &out)) next++;
        struct pollfd poll_fd = {.fd = waker.fd, .events = POLLIN};
        fp_waker_prepare(&waker);
        if (next < 20000 && !fp_ring_ready(&ring) && poll(&poll_fd, 1, 5000) == 0) (*late)++;
        fp_waker_woken(&waker);
    }
    return NULL;
}

static void no_wake_up_is_lost(void) {
    pthread_t thread;
    uint64_t late = 0;
    CHECK_EQ(fp_ring_init(&ring, slots, 1024, sizeof *slots), 0);
    CHECK_EQ(fp_waker_open(&waker), 0);
    CHECK_EQ(pthread_create(&thread, NULL, sleepy_consumer, &late), 0);
    for (uint64_t i = 0; i < 20000;) {
        if (fp_ring_push(&ring, &(struct record){.number = i})) i++;
        else sched_yield();
        fp_waker_ring(&waker);
    }
    pthread_join(thread, NULL);
    CHECK_EQ(late, 0);
    fp_waker_close(&waker);
}

int main(void) {
    RUN(refuses_bad_sizes);
    RUN(fills_and_empties_in_order);
    RUN(claimed_slots_show_with_the_publish);
    RUN(two_threads_lose_nothing);
    RUN(newest_copy_is_never_half);
    RUN(no_wake_up_is_lost);
    return check_done();
}
