/* The whole test framework of the C unit tests: CHECK, CHECK_EQ, RUN, and a closing
 * line that tests/test_c_units.py reads. A failed check goes on, so one run tells all. */
#ifndef FP_CHECK_H
#define FP_CHECK_H
#include <stdio.h>
#include <string.h>

static int check_failures, check_count, check_tests;
static const char *check_current = "";

#define CHECK(cond)                                                                                  \
    do {                                                                                             \
        check_count++;                                                                               \
        if (!(cond)) {                                                                               \
            check_failures++;                                                                        \
            printf("%s:%d: %s: failed: %s\n", __FILE__, __LINE__, check_current, #cond);             \
        }                                                                                            \
    } while (0)

#define CHECK_EQ(got, want)                                                                          \
    do {                                                                                             \
        long long check_got = (long long)(got), check_want = (long long)(want);                      \
        check_count++;                                                                               \
        if (check_got != check_want) {                                                               \
            check_failures++;                                                                        \
            printf("%s:%d: %s: %s is %lld, wanted %lld\n", __FILE__, __LINE__, check_current, #got,  \
                   check_got, check_want);                                                           \
        }                                                                                            \
    } while (0)

#define CHECK_MEM(got, want, length)                                                                 \
    do {                                                                                             \
        check_count++;                                                                               \
        if (memcmp((got), (want), (length)) != 0) {                                                  \
            check_failures++;                                                                        \
            printf("%s:%d: %s: %s differs from %s\n", __FILE__, __LINE__, check_current, #got, #want); \
        }                                                                                            \
    } while (0)

#define RUN(test)                                                                                    \
    do {                                                                                             \
        check_current = #test;                                                                       \
        check_tests++;                                                                               \
        test();                                                                                      \
    } while (0)

/* Last statement of main. */
static inline int check_done(void) {
    printf("%d tests, %d checks, %d failures\n", check_tests, check_count, check_failures);
    return check_failures || !check_count ? 1 : 0;
}

#endif
