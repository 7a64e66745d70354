/* The journal: an append-only chain of records in memory-mapped segment files.
 *
 * Three hands, no locks between them: the hot thread appends (memcpy and a checksum,
 * never a system call unless durability is sync), one housekeeping thread prepares
 * the next segment and flushes, and any process reads. It never rewrites a record,
 * and the hot thread never opens, sizes or maps a file.
 *
 * On disk: `NNNNNN.journal` files of whole 64-byte lines in a directory of mode 0700.
 * A record is a 40-byte little-endian header (magic, crc32c, the crc32c of the record
 * before it, body length, sequence, time, type, venue) and its body, zero padded to
 * the next line. The crc covers everything behind itself, so a changed, lost or
 * foreign record anywhere breaks the chain. Sequences are 1, 2, 3 ... over all
 * segments. A torn tail is legal only where nothing valid follows: that is all a killed
 * process can leave. A power cut may write pages out of order; under durability crash
 * that can read as a broken chain, and then a human decides. Durability sync cannot. */
#ifndef FP_JOURNAL_H
#define FP_JOURNAL_H
#include "../fastpath.h"
#include <stddef.h>

enum {
    FP_JOURNAL_HEADER = 40,
    FP_JOURNAL_LINE = 64,
    FP_JOURNAL_MAX_BODY = 65536,
    FP_JOURNAL_MIN_SEGMENT = 4096,
    FP_JOURNAL_DEFAULT_SEGMENT = 64 << 20
};

enum fp_durability {
    FP_DURABILITY_CRASH = 0, /* survives the death of the process; housekeeping flushes for the power cut */
    FP_DURABILITY_SYNC = 1   /* fdatasync before append returns */
};

struct fp_journal_config {
    uint64_t segment_bytes; /* rounded up to 4096; 0 = FP_JOURNAL_DEFAULT_SEGMENT */
    uint8_t durability;     /* enum fp_durability */
};

struct fp_journal_stats {
    uint64_t records, bytes; /* appended by this writer; bytes are whole lines */
    uint64_t segments;       /* taken into use by this writer, the first one included */
    uint64_t next_seq;       /* of the next record */
    uint64_t errors;         /* appends refused */
};

struct fp_journal;

/* Open or create a journal and stand behind its last good record; a torn tail is wiped. The directory is
 * created (mode 0700) when its parent exists. error_text (FP_ERROR_TEXT_MAX bytes) gets one line: cause and remedy.
 * FP_E_BAD_STATE: another process writes it. FP_E_CORRUPT: chain broken. FP_E_BAD_CONFIG, FP_E_SYSTEM, FP_E_NO_MEMORY. */
int fp_journal_open(struct fp_journal **out, const char *directory, const struct fp_journal_config *config, char *error_text);

/* Hot thread. 0 when the record is durable to the configured degree; else nothing was written and nothing may be sent:
 * FP_E_OVERSIZED, FP_E_NO_ROOM (segment full and the next one not prepared: disk full, or housekeeping late),
 * FP_E_SYSTEM (sync failed; every later append fails too, since what the disk holds is no longer known). */
int fp_journal_append(struct fp_journal *journal, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t time_ns);

/* Housekeeping thread, every few milliseconds: release finished segments and have the next one ready (created, sized,
 * mapped, touched). 1 when it did something, 0 when there was nothing to do, FP_E_SYSTEM (errno: usually a full disk;
 * call again later). */
int fp_journal_prepare(struct fp_journal *journal);

/* Housekeeping thread: write what has been appended so far to the disk. 0 or FP_E_SYSTEM. */
int fp_journal_flush(struct fp_journal *journal);

/* Any thread. */
void fp_journal_stats(const struct fp_journal *journal, struct fp_journal_stats *out);

/* After both threads have stopped. Flushes, unlocks, frees. */
void fp_journal_close(struct fp_journal *journal);

/* CRC-32C (Castagnoli) of [bytes, bytes + length), continued from crc (0 to begin). portable != 0 forces the table,
 * else the processor's own instruction is used where it has one. */
uint32_t fp_crc32c(uint32_t crc, const void *bytes, size_t length, int portable);

#endif
