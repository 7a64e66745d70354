/* Feeds framed messages (u16 big-endian length, message) to the order book and writes
 * what it did after each one, in binary, for the differential tests to compare.
 *
 * Usage: book_driver FILE MAX_ORDERS MAX_LEVELS VENUE MIDNIGHT_NS VALIDATE_EVERY
 * After each message: i32 result, its event records, struct fp_bbo, the symbol's stale
 * byte and trading state, u32 bid levels, u32 ask levels, their struct fp_level. At the
 * end: struct fp_book_stats. rx_ns is the message's index, line flags are 0. */
#include "book/book.h"
#include "wire/layout.h"
#include <stdio.h>
#include <stdlib.h>

static void put(const void *bytes, size_t size) {
    if (fwrite(bytes, size, 1, stdout) != 1)
        exit(4);
}

int main(int argc, char **argv) {
    static struct fp_level bids[8192], asks[8192];
    if (argc != 7)
        return 2;
    FILE *file = fopen(argv[1], "rb");
    struct fp_book_config config = {
        .max_orders = (uint32_t)strtoul(argv[2], NULL, 10),
        .max_levels = (uint32_t)strtoul(argv[3], NULL, 10),
        .venue = (uint8_t)atoi(argv[4]),
        .midnight_ns = strtoull(argv[5], NULL, 10),
    };
    unsigned long every = strtoul(argv[6], NULL, 10);
    size_t size = fp_book_size(&config);
    if (!file || !size)
        return 2;
    struct fp_book *book = aligned_alloc(64, size);
    memset(book, 0, size);
    if (fp_book_init(book, &config))
        return 2;
    uint8_t prefix[2];
    for (unsigned long index = 0; fread(prefix, 2, 1, file) == 1; index++) {
        size_t length = fp_load_be16(prefix);
        uint8_t *message = malloc(length ? length : 1); /* exactly as long as it says, so that a sanitizer sees more */
        struct fp_event events[FP_BOOK_MAX_EVENTS];
        if (length && fread(message, length, 1, file) != 1)
            return 2;
        fp_book_prefetch(book, message, length);
        fp_book_prefetch_level(book, message, length);
        int32_t result = fp_book_apply(book, message, length, index, 0, events);
        uint16_t locate = length >= 3 ? fp_load_be16(message + 1) : 0;
        const struct fp_instrument *instrument = fp_book_instrument(book, locate);
        put(&result, sizeof result);
        for (int i = 0; i < result; i++)
            put(&events[i], sizeof events[i]);
        put(fp_book_bbo(book, locate), sizeof(struct fp_bbo));
        put(&instrument->stale, 1);
        put(&instrument->trading_state, 1);
        uint32_t counts[2] = {(uint32_t)fp_book_depth(book, locate, 'B', bids, 8192), (uint32_t)fp_book_depth(book, locate, 'S', asks, 8192)};
        put(counts, sizeof counts);
        if (counts[0])
            put(bids, counts[0] * sizeof *bids);
        if (counts[1])
            put(asks, counts[1] * sizeof *asks);
        free(message);
        if (index % every == 0 && fp_book_validate(book)) {
            fprintf(stderr, "message %lu left a book that does not validate\n", index);
            return 3;
        }
    }
    if (fp_book_validate(book)) {
        fprintf(stderr, "the last book does not validate\n");
        return 3;
    }
    struct fp_book_stats stats;
    fp_book_stats(book, &stats);
    put(&stats, sizeof stats);
    free(book);
    return fclose(file) ? 2 : 0;
}
