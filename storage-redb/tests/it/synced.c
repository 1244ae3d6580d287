// Notes each fsync that succeeded, with the path of what was synced and whether the watched file was there by then. It is loaded before
// the C library into a process of its own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(fd);
    const char *watched = getenv("PHASEGATE_TEST_WATCHED");
    const char *notes = getenv("PHASEGATE_TEST_NOTES");
    char link[64], path[4096], line[4200];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (result != 0 || !watched || !notes || length < 0) {
        return result;
    }
    path[length] = 0;
    int is_there = access(watched, F_OK) == 0;
    int written = snprintf(line, sizeof line, "%s %s\n", is_there ? "after" : "before", path);
    int to = open(notes, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (to >= 0) {
        if (write(to, line, written) != written) {
            abort();
        }
        close(to);
    }
    return result;
}
