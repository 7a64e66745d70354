/* The run directory: mode, lock and epoch file. See run_dir.h. */
#include "run_dir.h"
#include "../fastpath.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(char *error_text, int error, const char *path, const char *what) {
    snprintf(error_text, FP_ERROR_TEXT_MAX, "run_dir %.160s: %s", path, what);
    return error;
}

static int lock(struct fp_run_dir *dir, const char *path, char *error_text) {
    char file[256], text[64] = {0};
    snprintf(file, sizeof file, "%s/engine.lock", path);
    dir->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock_fd < 0) return fail(error_text, FP_E_SYSTEM, path, strerror(errno));
    if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        char holder[32] = {0};
        if (read(dir->lock_fd, holder, sizeof holder - 1) <= 0) holder[0] = 0;
        snprintf(text, sizeof text, "an engine runs here already (process %ld)", strtol(holder, NULL, 10));
        fp_run_dir_close(dir);
        return fail(error_text, FP_E_BAD_STATE, path, text);
    }
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, text, (size_t)length, 0) != length) {
        int saved = errno;
        fp_run_dir_close(dir);
        return fail(error_text, FP_E_SYSTEM, path, strerror(saved));
    }
    return 0;
}

int fp_run_dir_open(struct fp_run_dir *dir, const char *path, char *error_text) {
    struct stat st;
    dir->lock_fd = -1;
    if (path[0] != '/') return fail(error_text, FP_E_BAD_CONFIG, path, "must be an absolute path");
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return fail(error_text, FP_E_SYSTEM, path, strerror(errno));
    if (lstat(path, &st) != 0) return fail(error_text, FP_E_SYSTEM, path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return fail(error_text, FP_E_BAD_CONFIG, path, "is not a directory");
    if (st.st_uid != geteuid()) return fail(error_text, FP_E_BAD_CONFIG, path, "belongs to another user");
    if (st.st_mode & 077) return fail(error_text, FP_E_BAD_CONFIG, path, "others may enter it; `chmod 700` it");
    return lock(dir, path, error_text);
}

void fp_run_dir_close(struct fp_run_dir *dir) {
    if (dir->lock_fd >= 0) close(dir->lock_fd);
    dir->lock_fd = -1;
}

uint32_t fp_run_dir_epoch(const char *path) {
    char file[256], text[32] = {0};
    snprintf(file, sizeof file, "%s/epoch", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

int fp_run_dir_set_epoch(const char *path, uint32_t epoch, char *error_text) {
    char file[256], fresh[260], text[32];
    snprintf(file, sizeof file, "%s/epoch", path);
    snprintf(fresh, sizeof fresh, "%s.new", file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int length = snprintf(text, sizeof text, "%u\n", epoch);
    if (fd < 0) return fail(error_text, FP_E_SYSTEM, path, strerror(errno));
    int written = write(fd, text, (size_t)length) == length && fdatasync(fd) == 0;
    close(fd);
    if (!written || rename(fresh, file) != 0) return fail(error_text, FP_E_SYSTEM, path, strerror(errno));
    return 0;
}
