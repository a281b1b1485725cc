/* Puts simulated GPIO chips under a real program: LD_PRELOAD this, with KILOSAT_GPIO_SIM naming the simulator's folder.
 *
 * What the program asks of /dev/gpiochip* goes to the simulator instead of the kernel (tests/sim/gpio/kernel.rs), byte
 * for byte as the kernel would get it; everything else goes where it always went. Nothing is remembered here: a chip and
 * a line are Unix sockets connected to files in the simulator's folder, so their names tell which is which.
 *
 *   FOLDER/dev/gpiochipN    there is such a chip; what a symbolic link points to is the same chip
 *   FOLDER/kernel           answers calls, one connection each
 *   FOLDER/slow_disk        how many milliseconds a flush to disk takes longer, where there is such a file
 *   FOLDER/chip, line-N     accept connections that stand for an open chip and an open line; a line's carries its events
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GPIO_MAGIC 0xB4
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call on its way to the simulator; `size` bytes follow. Number 0 is open. */
struct question {
    uint32_t number;
    uint32_t size;
    char file[104];
};

/* Its answer; as many bytes follow as there were in the question. */
struct answer {
    int32_t error;
    char connect[104];
};

static const char *folder(void) { return getenv("KILOSAT_GPIO_SIM"); }

static int is_chip(const char *path) { return folder() && path && strncmp(path, "/dev/gpiochip", 13) == 0; }

static void inside(char *out, size_t size, const char *name) { snprintf(out, size, "%s/%s", folder(), name); }

static int fail(int error) {
    errno = error;
    return -1;
}

static int connect_to(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    inside(address.sun_path, sizeof address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return fail(ENODEV);
}

/* The last part of the file's name that `fd` is connected to, if that is one of the simulator's. */
static int name_of(int fd, char *out, size_t size) {
    struct sockaddr_un address = {0};
    socklen_t length = sizeof address;
    const char *base = folder();
    if (!base || getpeername(fd, (struct sockaddr *)&address, &length) != 0 || address.sun_family != AF_UNIX)
        return 0;
    size_t prefix = strlen(base);
    if (strncmp(address.sun_path, base, prefix) != 0 || address.sun_path[prefix] != '/')
        return 0;
    snprintf(out, size, "%s", address.sun_path + prefix + 1);
    return 1;
}

static int move_all(int fd, void *bytes, size_t size, int out) {
    for (size_t done = 0; done < size;) {
        char *at = (char *)bytes + done;
        ssize_t moved = out ? send(fd, at, size - done, MSG_NOSIGNAL) : recv(fd, at, size - done, 0);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return 0;
        done += (size_t)moved;
    }
    return 1;
}

/* 0, or -1 with errno as the simulator wants it; `connected` becomes what the call opens, if it opens something. */
static int call(uint32_t number, const char *file, void *bytes, size_t size, int *connected) {
    struct question question = {.number = number, .size = (uint32_t)size};
    struct answer answer = {0};
    snprintf(question.file, sizeof question.file, "%s", file);
    int fd = connect_to("kernel");
    if (fd < 0)
        return fail(ENODEV);
    int told = move_all(fd, &question, sizeof question, 1) && move_all(fd, bytes, size, 1) &&
               move_all(fd, &answer, sizeof answer, 0) && move_all(fd, bytes, size, 0);
    close(fd);
    if (!told)
        return fail(ENODEV);
    if (answer.error != 0)
        return fail(answer.error);
    answer.connect[sizeof answer.connect - 1] = 0;
    if (connected)
        *connected = answer.connect[0] ? connect_to(answer.connect) : -1;
    return 0;
}

static int open_chip(const char *path) {
    char resolved[PATH_MAX];
    if (!realpath(path, resolved))
        return -1;
    int fd = -1;
    return call(0, resolved + strlen("/dev/"), NULL, 0, &fd) == 0 ? fd : -1;
}

static int has_mode(int flags) { return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE; }

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return is_chip(path) ? open_chip(path) : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return is_chip(path) ? open_chip(path) : NEXT(open64)(path, flags, mode);
}

char *realpath(const char *path, char *out) {
    char *(*next)(const char *, char *) = NEXT(realpath);
    if (!is_chip(path))
        return next(path, out);
    char inner[PATH_MAX], real[PATH_MAX], base[PATH_MAX];
    inside(inner, sizeof inner, path + 1);
    if (!next(folder(), base) || !next(inner, real))
        return NULL;
    const char *found = real + strlen(base);
    return out ? strcpy(out, found) : strdup(found);
}

/* The program sees no other devices than chips; it looks for nothing else there. */
DIR *opendir(const char *path) {
    DIR *(*next)(const char *) = NEXT(opendir);
    if (!folder() || strcmp(path, "/dev") != 0)
        return next(path);
    char inner[PATH_MAX];
    inside(inner, sizeof inner, "dev");
    return next(inner);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    char name[sizeof((struct question *)0)->file];
    if (_IOC_TYPE(request) != GPIO_MAGIC || !name_of(fd, name, sizeof name))
        return NEXT(ioctl)(fd, request, argument);
    int line = -1;
    if (call((uint32_t)request, name, argument, _IOC_SIZE(request), &line) != 0)
        return -1;
    if (request == GPIO_V2_GET_LINE_IOCTL) {
        if (line < 0)
            return -1;
        ((struct gpio_v2_line_request *)argument)->fd = line;
    }
    return 0;
}

/* A chip that is unplugged ends its lines' connections; the kernel says ENODEV then. */
ssize_t read(int fd, void *out, size_t size) {
    ssize_t count = NEXT(read)(fd, out, size);
    char name[sizeof((struct question *)0)->file];
    if (count == 0 && size > 0 && name_of(fd, name, sizeof name))
        return fail(ENODEV);
    return count;
}

static void be_slow(void) {
    char path[PATH_MAX];
    if (!folder())
        return;
    inside(path, sizeof path, "slow_disk");
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    long ms = 0;
    if (fscanf(file, "%ld", &ms) == 1) {
        struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        nanosleep(&wait, NULL);
    }
    fclose(file);
}

int fsync(int fd) {
    be_slow();
    return NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    be_slow();
    return NEXT(fdatasync)(fd);
}
