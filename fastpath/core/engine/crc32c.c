/* CRC-32C for the journal: the processor's instruction when it has one (asked at run
 * time, so one build serves every x86-64), else a table. It keeps no other state. */
#include "journal.h"
#include <stdatomic.h>
#include <string.h>

static uint32_t step(uint32_t crc) {
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    return crc;
}

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t length) {
    static _Atomic(uint32_t) table[256];
    static atomic_int ready;
    if (!atomic_load_explicit(&ready, memory_order_acquire)) {
        for (uint32_t i = 0; i < 256; i++) /* two threads may both fill it: they write the same */
            atomic_store_explicit(&table[i], step(i), memory_order_relaxed);
        atomic_store_explicit(&ready, 1, memory_order_release);
    }
    while (length--)
        crc = crc >> 8 ^ atomic_load_explicit(&table[(crc ^ *bytes++) & 0xFF], memory_order_relaxed);
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t length) {
    uint64_t wide = crc;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    while (length--)
        crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}
#endif

uint32_t fp_crc32c(uint32_t crc, const void *bytes, size_t length, int portable) {
#if defined(__x86_64__)
    if (!portable && __builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~crc, bytes, length);
#else
    (void)portable;
#endif
    return ~by_table(~crc, bytes, length);
}
