/* Writing a journal; see journal.h. The hot thread touches only mapped memory here;
 * files are made, sized and released by the housekeeping calls. */
#include "journal_record.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct segment {
    uint8_t *map;
    size_t size;
    uint32_t number;
    int fd;
};

struct fp_journal {
    /* the hot thread's */
    struct segment *current;
    size_t offset;
    uint64_t next_seq;
    uint32_t last_crc;
    int broken; /* a sync failed: the disk's content is unknown from here on */
    uint8_t durability;
    /* handed over: next to the hot thread, retired back from it */
    _Atomic(struct segment *) next, retired;
    _Atomic(struct segment *) shown; /* current, for the flush */
    _Atomic(uint64_t) records, bytes, segments, errors, seq_shown;
    /* housekeeping's */
    struct segment slots[3]; /* current, next and retired never number more */
    uint32_t newest;
    size_t segment_bytes;
    int lock_fd;
    char directory[256];
};

static int complain(char *text, int error, const char *what, const char *directory, const char *remedy) {
    snprintf(text, FP_ERROR_TEXT_MAX, "journal %.120s: %.60s%s%.60s", directory, what, remedy[0] ? "; " : "", remedy);
    return error;
}

static int complain_errno(char *text, const char *what, const char *directory) {
    char detail[160];
    snprintf(detail, sizeof detail, "%.40s: %.60s", what, strerror(errno));
    return complain(text, FP_E_SYSTEM, detail, directory, "");
}

/* ---- segments ---- */

static struct segment *free_slot(struct fp_journal *journal) {
    for (int i = 0; i < 3; i++)
        if (!journal->slots[i].map)
            return &journal->slots[i];
    return NULL;
}

static void release(struct segment *segment) {
    if (!segment || !segment->map)
        return;
    munmap(segment->map, segment->size);
    close(segment->fd);
    segment->map = NULL;
}

/* Touch every page for writing, so that the hot thread never waits for a page. Adding 0 keeps what is there. */
static void touch(struct segment *segment) {
#ifdef MADV_POPULATE_WRITE
    if (madvise(segment->map, segment->size, MADV_POPULATE_WRITE) == 0)
        return;
#endif
    for (size_t at = 0; at < segment->size; at += 4096)
        __atomic_fetch_add(segment->map + at, 0, __ATOMIC_RELAXED);
}

/* Create (or open) a segment file of at least the wanted size, with its blocks really there: a hole in a mapped file
 * would kill the process on a full disk instead of failing an append. */
static int map_segment(struct fp_journal *journal, struct segment *segment, uint32_t number, int flags) {
    char path[300];
    struct stat st;
    int rc = fp_journal_path(path, sizeof path, journal->directory, number);
    if (rc)
        return rc;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0)
        return FP_E_SYSTEM;
    size_t size = journal->segment_bytes;
    if (fstat(fd, &st) == 0) {
        if ((size_t)st.st_size > size)
            size = ((size_t)st.st_size + 4095) & ~(size_t)4095;
        int error = posix_fallocate(fd, 0, (off_t)size);
        void *at = error ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) {
            *segment = (struct segment){at, size, number, fd};
            touch(segment);
            return 0;
        }
        if (error)
            errno = error;
    }
    int saved = errno;
    close(fd);
    if (flags & O_EXCL)
        unlink(path);
    errno = saved;
    return FP_E_SYSTEM;
}

static int sync_directory(const struct fp_journal *journal) {
    int fd = open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FP_E_SYSTEM;
    int rc = fsync(fd) ? FP_E_SYSTEM : 0;
    close(fd);
    return rc;
}

int fp_journal_prepare(struct fp_journal *journal) {
    int did = 0;
    struct segment *old = atomic_exchange_explicit(&journal->retired, NULL, memory_order_acquire);
    if (old) {
        int failed = fdatasync(old->fd);
        release(old);
        if (failed)
            return FP_E_SYSTEM;
        did = 1;
    }
    if (atomic_load_explicit(&journal->next, memory_order_relaxed))
        return did;
    struct segment *slot = free_slot(journal);
    if (!slot)
        return did; /* the hot thread has just retired one: next time */
    int rc = map_segment(journal, slot, journal->newest + 1, O_CREAT | O_EXCL);
    if (rc)
        return rc;
    journal->newest++;
    if (sync_directory(journal))
        return FP_E_SYSTEM;
    atomic_store_explicit(&journal->next, slot, memory_order_release);
    return 1;
}

int fp_journal_flush(struct fp_journal *journal) {
    /* Only this thread closes segments, so the descriptor stays good for the call. */
    struct segment *segment = atomic_load_explicit(&journal->shown, memory_order_acquire);
    return fdatasync(segment->fd) ? FP_E_SYSTEM : 0;
}

/* ---- append ---- */

static int refuse(struct fp_journal *journal, int error) {
    atomic_fetch_add_explicit(&journal->errors, 1, memory_order_relaxed);
    return error;
}

/* Go on in the prepared segment. */
static int roll(struct fp_journal *journal) {
    if (atomic_load_explicit(&journal->retired, memory_order_acquire))
        return FP_E_NO_ROOM; /* housekeeping has not come by since the last roll */
    struct segment *next = atomic_exchange_explicit(&journal->next, NULL, memory_order_acquire);
    if (!next)
        return FP_E_NO_ROOM;
    struct segment *old = journal->current;
    journal->current = next;
    journal->offset = 0;
    atomic_store_explicit(&journal->shown, next, memory_order_release);
    atomic_store_explicit(&journal->retired, old, memory_order_release);
    atomic_fetch_add_explicit(&journal->segments, 1, memory_order_relaxed);
    return 0;
}

int fp_journal_append(struct fp_journal *journal, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t time_ns) {
    size_t span = fp_journal_span(length);
    if (length > FP_JOURNAL_MAX_BODY || span > journal->segment_bytes)
        return refuse(journal, FP_E_OVERSIZED);
    if (journal->broken)
        return refuse(journal, FP_E_SYSTEM);
    if (span > journal->current->size - journal->offset) {
        int rc = roll(journal);
        if (rc)
            return refuse(journal, rc);
    }
    uint8_t *at = journal->current->map + journal->offset;
    struct fp_journal_header header = {0, 0, journal->last_crc, (uint32_t)length, journal->next_seq, time_ns, type, venue, 0};
    memcpy(at + FP_JOURNAL_CRC_FROM, (uint8_t *)&header + FP_JOURNAL_CRC_FROM, sizeof header - FP_JOURNAL_CRC_FROM);
    if (length)
        memcpy(at + FP_JOURNAL_HEADER, body, length);
    /* Padding is zero already: segments are born zeroed and a torn tail is wiped at open. */
    header.crc = fp_crc32c(0, at + FP_JOURNAL_CRC_FROM, span - FP_JOURNAL_CRC_FROM, 0);
    memcpy(at + 4, &header.crc, 4);
    __atomic_store_n((uint32_t *)(void *)at, FP_JOURNAL_MAGIC, __ATOMIC_RELEASE); /* last: half a record is no record */
    if (journal->durability == FP_DURABILITY_SYNC && fdatasync(journal->current->fd) != 0) {
        /* Whether it is on the disk is unknown. Take it back, so that a restart does not believe in what was not sent. */
        __atomic_store_n((uint32_t *)(void *)at, 0, __ATOMIC_RELEASE);
        journal->broken = 1;
        return refuse(journal, FP_E_SYSTEM);
    }
    journal->offset += span;
    journal->last_crc = header.crc;
    journal->next_seq++;
    atomic_store_explicit(&journal->records, atomic_load_explicit(&journal->records, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(&journal->bytes, atomic_load_explicit(&journal->bytes, memory_order_relaxed) + span, memory_order_relaxed);
    atomic_store_explicit(&journal->seq_shown, journal->next_seq, memory_order_relaxed);
    return 0;
}

/* ---- open and close ---- */

static int open_directory(const char *directory, char *text) {
    struct stat st;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return complain_errno(text, "cannot create the directory", directory);
    if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode))
        return complain(text, FP_E_BAD_CONFIG, "not a directory", directory, "name another one");
    if (st.st_uid != geteuid())
        return complain(text, FP_E_BAD_CONFIG, "the directory belongs to another user", directory, "name another one");
    if (st.st_mode & 077)
        return complain(text, FP_E_BAD_CONFIG, "others may enter the directory", directory, "chmod 700 it");
    return 0;
}

static int take_lock(struct fp_journal *journal, char *text) {
    char path[300], owner[24] = "";
    snprintf(path, sizeof path, "%s/lock", journal->directory);
    journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->lock_fd < 0)
        return complain_errno(text, "cannot open the lock file", journal->directory);
    if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        char what[64];
        ssize_t n = read(journal->lock_fd, owner, sizeof owner - 1);
        owner[n > 0 ? strcspn(owner, "\n") : 0] = 0;
        snprintf(what, sizeof what, "process %s is writing it", owner[0] ? owner : "(unknown)");
        return complain(text, FP_E_BAD_STATE, what, journal->directory, "stop that engine or name another directory");
    }
    int n = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
    if (ftruncate(journal->lock_fd, 0) != 0 || pwrite(journal->lock_fd, owner, (size_t)n, 0) != n)
        return complain_errno(text, "cannot write the lock file", journal->directory);
    return 0;
}

/* Read the whole chain to find its end. */
static int find_end(struct fp_journal *journal, struct fp_journal_end *end, char *text) {
    struct fp_journal_reader *reader;
    struct fp_journal_entry entry;
    int rc = fp_journal_open_reader(&reader, journal->directory, text);
    if (rc)
        return rc;
    while ((rc = fp_journal_next(reader, &entry)) == 1)
        ;
    fp_journal_reader_end(reader, end);
    fp_journal_close_reader(reader);
    if (rc == FP_E_CORRUPT) {
        char what[64];
        snprintf(what, sizeof what, "the chain is broken after record %llu", (unsigned long long)end->last_seq);
        return complain(text, rc, what, journal->directory, "keep it for the audit and start a new directory");
    }
    return rc ? complain_errno(text, "cannot read", journal->directory) : 0;
}

/* Segments behind the end hold nothing valid (the reader looked): they were prepared and never used. */
static void remove_unused(const struct fp_journal *journal, uint32_t from) {
    char path[300];
    while (fp_journal_path(path, sizeof path, journal->directory, from++) == 0 && unlink(path) == 0)
        ;
}

static int stand_at_end(struct fp_journal *journal, char *text) {
    struct fp_journal_end end;
    int rc = find_end(journal, &end, text);
    if (rc)
        return rc;
    uint32_t number = end.segment ? end.segment : 1;
    remove_unused(journal, number + 1);
    if (map_segment(journal, &journal->slots[0], number, O_CREAT))
        return complain_errno(text, "cannot open the segment", journal->directory);
    journal->current = &journal->slots[0];
    journal->newest = number;
    journal->offset = end.offset;
    journal->next_seq = end.last_seq + 1;
    journal->last_crc = end.last_crc;
    atomic_store(&journal->shown, journal->current);
    atomic_store(&journal->seq_shown, journal->next_seq);
    atomic_store(&journal->segments, 1);
    /* A torn record must not shine through the padding of the next one. */
    size_t dirty = journal->offset;
    for (size_t at = journal->offset; at < journal->current->size; at++)
        if (journal->current->map[at])
            dirty = at + 1;
    memset(journal->current->map + journal->offset, 0, dirty - journal->offset);
    if (fdatasync(journal->current->fd) != 0 || sync_directory(journal))
        return complain_errno(text, "cannot flush", journal->directory);
    if (fp_journal_prepare(journal) < 0)
        return complain_errno(text, "cannot prepare a segment", journal->directory);
    return 0;
}

int fp_journal_open(struct fp_journal **out, const char *directory, const struct fp_journal_config *config, char *error_text) {
    error_text[0] = 0;
    *out = NULL;
    size_t bytes = config->segment_bytes ? config->segment_bytes : FP_JOURNAL_DEFAULT_SEGMENT;
    if (!directory[0] || strlen(directory) >= sizeof((struct fp_journal *)0)->directory || bytes < FP_JOURNAL_MIN_SEGMENT ||
        bytes > (size_t)1 << 40 || config->durability > FP_DURABILITY_SYNC)
        return complain(error_text, FP_E_BAD_CONFIG, "name, segment size or durability out of range", directory, "");
    int rc = open_directory(directory, error_text);
    if (rc)
        return rc;
    struct fp_journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return complain(error_text, FP_E_NO_MEMORY, "no memory", directory, "");
    snprintf(journal->directory, sizeof journal->directory, "%s", directory);
    journal->segment_bytes = (bytes + 4095) & ~(size_t)4095;
    journal->durability = config->durability;
    rc = take_lock(journal, error_text);
    if (rc == 0)
        rc = stand_at_end(journal, error_text);
    if (rc) {
        fp_journal_close(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

void fp_journal_stats(const struct fp_journal *journal, struct fp_journal_stats *out) {
    struct fp_journal *j = (struct fp_journal *)journal; /* C11 atomic loads want no const */
    out->records = atomic_load_explicit(&j->records, memory_order_relaxed);
    out->bytes = atomic_load_explicit(&j->bytes, memory_order_relaxed);
    out->segments = atomic_load_explicit(&j->segments, memory_order_relaxed);
    out->next_seq = atomic_load_explicit(&j->seq_shown, memory_order_relaxed);
    out->errors = atomic_load_explicit(&j->errors, memory_order_relaxed);
}

void fp_journal_close(struct fp_journal *journal) {
    if (!journal)
        return;
    for (int i = 0; i < 3; i++)
        if (journal->slots[i].map) {
            (void)fdatasync(journal->slots[i].fd); /* close has no one left to tell; sync durability has told already */
            release(&journal->slots[i]);
        }
    if (journal->lock_fd >= 0)
        close(journal->lock_fd); /* and with it the lock */
    free(journal);
}
