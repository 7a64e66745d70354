/* How a journal record lies in its segment, shared by the writer and the reader.
 * Private to the journal: layouts and names only. */
#ifndef FP_JOURNAL_RECORD_H
#define FP_JOURNAL_RECORD_H
#include "journal.h"

#define FP_JOURNAL_MAGIC 0x314A5046u /* the bytes F P J 1 */

struct fp_journal_header {
    uint32_t magic, crc; /* crc32c of everything behind it, padding included */
    uint32_t prev_crc;   /* crc of the record before, 0 for the first */
    uint32_t length;     /* of the body */
    uint64_t seq, time_ns;
    uint16_t type, venue;
    uint32_t reserved;   /* zero */
};
_Static_assert(sizeof(struct fp_journal_header) == FP_JOURNAL_HEADER, "header");

enum { FP_JOURNAL_CRC_FROM = 8 };

static inline size_t fp_journal_span(size_t length) {
    return (FP_JOURNAL_HEADER + length + FP_JOURNAL_LINE - 1) & ~(size_t)(FP_JOURNAL_LINE - 1);
}

/* A whole record at the front of [bytes, bytes + room) by its own checksum; the chain is the caller's to check. */
int fp_journal_sound(const uint8_t *bytes, size_t room, struct fp_journal_header *out);

/* Path of a segment. Returns 0 or FP_E_BAD_CONFIG when it does not fit. */
int fp_journal_path(char *out, size_t room, const char *directory, uint32_t segment);

/* Where a reader stopped: the writer goes on from here. */
struct fp_journal_end {
    uint32_t segment; /* 0 = no segment yet */
    uint32_t last_crc;
    uint64_t offset, last_seq;
};
void fp_journal_reader_end(const struct fp_journal_reader *reader, struct fp_journal_end *out);

#endif
