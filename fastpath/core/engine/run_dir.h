/* The directory an engine runs in: ours alone, one engine at a time, and the count of
 * its starts. It holds sockets and two small files, never data worth a backup. */
#ifndef FP_RUN_DIR_H
#define FP_RUN_DIR_H
#include <stdint.h>

struct fp_run_dir {
    int lock_fd; /* -1: none */
};

/* Create if needed (mode 0700; its parent must be there), check that nobody else can enter, take the lock.
 * FP_E_BAD_CONFIG, FP_E_BAD_STATE (another engine lives there), FP_E_SYSTEM, each with a line in error_text. */
int fp_run_dir_open(struct fp_run_dir *dir, const char *path, char *error_text);
void fp_run_dir_close(struct fp_run_dir *dir);

/* The last epoch used there, 0 when none; and writing of a new one, atomically. */
uint32_t fp_run_dir_epoch(const char *path);
int fp_run_dir_set_epoch(const char *path, uint32_t epoch, char *error_text);

#endif
