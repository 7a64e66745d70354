/* Reading a journal: every record in order, a clean end or a torn tail as the end, and
 * FP_E_CORRUPT when the chain is broken before something valid. It never writes. */
#include "journal_record.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fp_journal_reader {
    char directory[256];
    const uint8_t *map; /* of the segment being read */
    size_t size, offset;
    uint64_t last_seq;
    uint32_t segment, last_crc;
    int failed;
};

int fp_journal_path(char *out, size_t room, const char *directory, uint32_t segment) {
    int n = snprintf(out, room, "%s/%06u.journal", directory, segment);
    return n > 0 && (size_t)n < room ? 0 : FP_E_BAD_CONFIG;
}

int fp_journal_sound(const uint8_t *bytes, size_t room, struct fp_journal_header *out) {
    if (room < FP_JOURNAL_LINE)
        return 0;
    memcpy(out, bytes, sizeof *out);
    if (out->magic != FP_JOURNAL_MAGIC || out->length > FP_JOURNAL_MAX_BODY || fp_journal_span(out->length) > room)
        return 0;
    return fp_crc32c(0, bytes + FP_JOURNAL_CRC_FROM, fp_journal_span(out->length) - FP_JOURNAL_CRC_FROM, 0) == out->crc;
}

static void unmap(struct fp_journal_reader *reader) {
    if (reader->map)
        munmap((void *)reader->map, reader->size);
    reader->map = NULL;
    reader->size = 0;
}

/* Map a segment. 1, 0 when there is none (or it is empty), FP_E_SYSTEM. */
static int map(const char *directory, uint32_t segment, const uint8_t **out, size_t *size) {
    char path[300];
    struct stat st;
    if (fp_journal_path(path, sizeof path, directory, segment))
        return FP_E_BAD_CONFIG;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : FP_E_SYSTEM;
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = FP_E_SYSTEM;
    else if (st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        rc = at == MAP_FAILED ? FP_E_SYSTEM : 1;
        *out = at;
        *size = (size_t)st.st_size;
    }
    close(fd);
    return rc;
}

int fp_journal_open_reader(struct fp_journal_reader **out, const char *directory, char *error_text) {
    struct stat st;
    error_text[0] = 0;
    *out = NULL;
    if (strlen(directory) >= sizeof((struct fp_journal_reader *)0)->directory) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "journal directory name is too long");
        return FP_E_BAD_CONFIG;
    }
    if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "cannot read the journal: no directory %.150s", directory);
        return FP_E_NOT_FOUND;
    }
    struct fp_journal_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory to read the journal");
        return FP_E_NO_MEMORY;
    }
    snprintf(reader->directory, sizeof reader->directory, "%s", directory);
    reader->segment = 1;
    int rc = map(directory, 1, &reader->map, &reader->size);
    if (rc < 0) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "cannot read the journal's first segment in %.150s: %s", directory, strerror(errno));
        free(reader);
        return rc;
    }
    *out = reader;
    return 0;
}

/* Is there any sound record with a later sequence in these bytes? Then what stands before it is not a torn tail. */
static int later_record(const uint8_t *bytes, size_t size, size_t from, uint64_t last_seq) {
    struct fp_journal_header header;
    for (size_t at = from; at + FP_JOURNAL_LINE <= size; at += FP_JOURNAL_LINE)
        if (fp_journal_sound(bytes + at, size - at, &header) && header.seq > last_seq)
            return 1;
    return 0;
}

/* Highest segment number in the directory, 0 for none, FP_E_SYSTEM. */
static int64_t newest_segment(const char *directory) {
    DIR *listing = opendir(directory);
    unsigned number, newest = 0;
    int matched;
    if (!listing)
        return FP_E_SYSTEM;
    for (const struct dirent *entry; (entry = readdir(listing));) {
        matched = 0;
        if (sscanf(entry->d_name, "%6u.journal%n", &number, &matched) == 1 && matched && !entry->d_name[matched] && number > newest)
            newest = number;
    }
    closedir(listing);
    return newest;
}

/* Any record in the segments after this one? 1, 0 or negative. A segment that is missing hides nothing behind it. */
static int later_segment(const struct fp_journal_reader *reader) {
    int64_t newest = newest_segment(reader->directory);
    if (newest < 0)
        return (int)newest;
    for (uint32_t segment = reader->segment + 1; segment <= newest; segment++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        int rc = map(reader->directory, segment, &bytes, &size);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        int found = later_record(bytes, size, 0, reader->last_seq);
        munmap((void *)bytes, size);
        if (found)
            return 1;
    }
    return 0;
}

static int corrupt(struct fp_journal_reader *reader) {
    reader->failed = 1;
    return FP_E_CORRUPT;
}

static int follows(const struct fp_journal_reader *reader, const struct fp_journal_header *header) {
    return header->seq == reader->last_seq + 1 && header->prev_crc == reader->last_crc;
}

int fp_journal_next(struct fp_journal_reader *reader, struct fp_journal_entry *entry) {
    struct fp_journal_header header;
    int looked_twice = 0; /* a live writer may finish a record between two looks: believe the second */
    if (reader->failed)
        return FP_E_CORRUPT;
    for (;;) {
        const uint8_t *at = reader->map + reader->offset;
        if (reader->map && fp_journal_sound(at, reader->size - reader->offset, &header)) {
            if (!follows(reader, &header))
                return corrupt(reader);
            reader->offset += fp_journal_span(header.length);
            reader->last_seq = header.seq;
            reader->last_crc = header.crc;
            *entry = (struct fp_journal_entry){header.seq, header.time_ns, header.length, header.type, header.venue, at + FP_JOURNAL_HEADER};
            return 1;
        }
        if (reader->map && later_record(reader->map, reader->size, reader->offset, reader->last_seq)) {
            if (looked_twice++)
                return corrupt(reader);
            continue;
        }
        /* The segment's end: full, torn, or not yet written. The chain goes on in the next one or nowhere. */
        const uint8_t *next = NULL;
        size_t size = 0;
        int rc = map(reader->directory, reader->segment + 1, &next, &size);
        if (rc < 0)
            return rc;
        if (rc && fp_journal_sound(next, size, &header) && follows(reader, &header)) {
            unmap(reader);
            reader->map = next;
            reader->size = size;
            reader->offset = 0;
            reader->segment++;
            continue;
        }
        if (rc)
            munmap((void *)next, size);
        rc = later_segment(reader);
        if (rc <= 0)
            return rc;
        if (looked_twice++)
            return corrupt(reader);
    }
}

void fp_journal_reader_end(const struct fp_journal_reader *reader, struct fp_journal_end *out) {
    *out = (struct fp_journal_end){reader->map ? reader->segment : 0, reader->last_crc, reader->offset, reader->last_seq};
}

void fp_journal_close_reader(struct fp_journal_reader *reader) {
    if (reader)
        unmap(reader);
    free(reader);
}
