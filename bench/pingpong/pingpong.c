/* The floor under any order-to-acknowledgement time on this machine: a bare TCP
 * ping-pong over loopback, 50 bytes there (an Enter Order in its SoupBinTCP frame)
 * and 67 back (its Accepted), between two processes, no protocol at all.
 *
 * usage: pingpong COUNT spin|block   prints one round trip a line, in ns. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PING = 50, PONG = 67, WARM_UP = 500 };

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void transfer(int fd, int sending, uint8_t *bytes, size_t size, int spin) {
    for (size_t done = 0; done < size;) {
        int flags = spin ? MSG_DONTWAIT : 0;
        ssize_t n = sending ? send(fd, bytes + done, size - done, flags | MSG_NOSIGNAL) : recv(fd, bytes + done, size - done, flags);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            exit(0); /* the peer has finished */
        else if (errno != EAGAIN && errno != EINTR)
            die(sending ? "send" : "recv");
    }
}

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[2], "spin") && strcmp(argv[2], "block"))) {
        fprintf(stderr, "usage: %s COUNT spin|block\n", argv[0]);
        return 2;
    }
    long count = strtol(argv[1], NULL, 10);
    int spin = !strcmp(argv[2], "spin"), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        die("listen");
    uint8_t ping[PING] = {0}, pong[PONG] = {0};
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
            die("accept");
        for (;;) {
            transfer(fd, 0, ping, sizeof ping, spin);
            transfer(fd, 1, pong, sizeof pong, spin);
        }
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        die("connect");
    for (long i = -WARM_UP; i < count; i++) {
        uint64_t start = now_ns();
        transfer(fd, 1, ping, sizeof ping, spin);
        transfer(fd, 0, pong, sizeof pong, spin);
        if (i >= 0)
            printf("%llu\n", (unsigned long long)(now_ns() - start));
    }
    close(fd);
    waitpid(child, NULL, 0);
    return 0;
}
