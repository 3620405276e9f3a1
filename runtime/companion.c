#include "companion.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, COPY_SIZE = 4096 };

/* Where only this user can look. */
static int make_directory(struct mw_companion *companion, struct mw_err *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    static const char name[] = "moonwire-repl-XXXXXX";
    if (!base || base[0] != '/' || strlen(base) + sizeof name + 1 > sizeof companion->directory)
        base = P_tmpdir;
    (void)snprintf(companion->directory, sizeof companion->directory, "%s/%s", base, name);
    if (!mkdtemp(companion->directory)) {
        mw_err_set(err, "%s: %s", companion->directory, strerror(errno));
        return -1;
    }
    (void)snprintf(companion->socket, sizeof companion->socket, "%s/socket", companion->directory);
    return 0;
}

static void become_child(pid_t parent, const int *ends)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0); /* the parent does it as well: whoever comes first */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    if (getppid() != parent)
        _exit(STATUS_FAILED);
}

int mw_companion_start(struct mw_companion *companion, int (*run)(void *arg, const char *socket),
                       void *arg, struct mw_err *err)
{
    pid_t parent = getpid();
    int ends[2];
    if (make_directory(companion, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0 || (companion->pid = fork()) < 0) {
        mw_err_set(err, "start a runtime: %s", strerror(errno));
        (void)rmdir(companion->directory); /* it is empty */
        return -1;
    }
    if (companion->pid == 0) {
        become_child(parent, ends);
        _exit(run(arg, companion->socket));
    }
    (void)setpgid(companion->pid, companion->pid); /* see become_child */
    (void)close(ends[1]);
    companion->output = ends[0];
    return 0;
}

/* What is left of its output; who reads it now has gone. */
static void copy_rest(int fd)
{
    char text[COPY_SIZE];
    ssize_t len;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    while ((len = read(fd, text, sizeof text)) > 0 || (len < 0 && errno == EINTR))
        if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
            continue; /* nobody hears it: it is read all the same */
}

int mw_companion_end(struct mw_companion *companion)
{
    int status = 0;
    (void)kill(companion->pid, SIGTERM); /* perhaps it has ended by itself */
    copy_rest(companion->output);
    while (waitpid(companion->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)unlink(companion->socket); /* one that was killed leaves it */
    (void)rmdir(companion->directory);
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
}
