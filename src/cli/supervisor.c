#include "cli/supervisor.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FILE = 3 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum tw_status describe(struct tw_socket *given, struct tw_error *error)
{
    union address address = {0};
    socklen_t size = sizeof address, size_of_flag = sizeof(int);
    int listens = 0;
    if (getsockopt(given->file, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size_of_flag) != 0 ||
        getsockname(given->file, &address.any, &size) != 0)
        return tw_fail(error, TW_INVALID, "LISTEN_FDS promises a socket and file %d is none: %s", given->file,
                       strerror(errno));
    if (!listens || (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6))
        return tw_fail(error, TW_INVALID, "the socket that LISTEN_FDS hands over does not listen on an address of IP");
    bool is_v4 = address.any.sa_family == AF_INET;
    inet_ntop(address.any.sa_family, is_v4 ? (const void *)&address.v4.sin_addr : (const void *)&address.v6.sin6_addr,
              given->address, sizeof given->address);
    given->port = ntohs(is_v4 ? address.v4.sin_port : address.v6.sin6_port);
    return TW_OK;
}

enum tw_status tw_supervisor_socket(struct tw_socket *given, bool *is_there, struct tw_error *error)
{
    const char *process = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int64_t id = 0, files = 0;
    *is_there = process != NULL && count != NULL && tw_parse_int64(process, 1, INT32_MAX, &id) && id == getpid() &&
                tw_parse_int64(count, 1, INT32_MAX, &files);
    if (!*is_there)
        return TW_OK;
    if (files != 1)
        return tw_fail(error, TW_INVALID, "LISTEN_FDS hands over %lld sockets, serve takes one", (long long)files);
    given->file = FIRST_FILE;
    return describe(given, error);
}

void tw_supervisor_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path != NULL ? strlen(path) : 0;
    if (length == 0 || length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, length);
    if (*path == '@')
        address.sun_path[0] = 0;
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return;
    (void)!sendto(file, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(file);
}
