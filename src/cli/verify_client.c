#include "cli/verify_client.h"

#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20, WAIT_S = 60 };

enum tw_status tw_client_init(struct tw_client *client, const char *url, const char **rest, struct tw_error *error)
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return tw_fail(error, TW_INVALID, "%s is no http:// address: verify asks servers without TLS", url);
    const char *host = url + strlen(scheme), *end = host + strcspn(host, "/");
    bool is_v6 = *host == '[';
    const char *stop = is_v6 ? memchr(host, ']', (size_t)(end - host)) : NULL;
    const char *colon = memchr(stop ? stop : host, ':', (size_t)(end - (stop ? stop : host)));
    const char *host_end = stop ? stop : colon ? colon : end;
    int host_size = (int)(host_end - host) - is_v6, port_size = colon ? (int)(end - colon) - 1 : 2;
    int64_t port = 80;
    snprintf(client->port, sizeof client->port, "%.*s", port_size, colon ? colon + 1 : "80");
    if (host_size < 1 || host_size >= (int)sizeof client->host || port_size >= (int)sizeof client->port ||
        (is_v6 && !stop) || !tw_parse_int64(client->port, 1, 65535, &port))
        return tw_fail(error, TW_INVALID, "%s names no server: it is http://HOST:PORT[/NAME]", url);
    snprintf(client->host, sizeof client->host, "%.*s", host_size, host + is_v6);
    *rest = *end == '/' ? end + 1 : end;
    return TW_OK;
}

static enum tw_status connect_to(const struct tw_client *client, int *file, struct tw_error *error)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    const struct timeval wait = {.tv_sec = WAIT_S};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(client->host, client->port, &wanted, &found);
    if (problem)
        return tw_fail(error, TW_IO, "%s: %s", client->host, gai_strerror(problem));
    *file = -1;
    for (const struct addrinfo *at = found; at && *file < 0; at = at->ai_next) {
        *file = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (*file >= 0 && connect(*file, at->ai_addr, at->ai_addrlen) != 0) {
            problem = errno;
            close(*file);
            *file = -1;
        }
    }
    freeaddrinfo(found);
    if (*file < 0)
        return tw_fail(error, TW_IO, "%s:%s does not answer: %s", client->host, client->port, strerror(problem));
    (void)setsockopt(*file, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(*file, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    return TW_OK;
}

static enum tw_status send_all(int file, struct tw_span bytes, struct tw_error *error)
{
    for (size_t at = 0; at < bytes.size;) {
        ssize_t sent = send(file, bytes.data + at, bytes.size - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return tw_fail(error, TW_IO, "the server took no more: %s", strerror(errno));
        at += (size_t)sent;
    }
    return TW_OK;
}

static enum tw_status read_all(int file, struct tw_buffer *answer, struct tw_error *error)
{
    char block[65536];
    for (;;) {
        ssize_t size = recv(file, block, sizeof block, 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return tw_fail(error, TW_IO, "the server sent no more: %s", strerror(errno));
        if (size == 0)
            return TW_OK;
        if (answer->size + (size_t)size > MOST_BYTES)
            return tw_fail(error, TW_LIMIT, "the server's answer has more than %d bytes", MOST_BYTES);
        enum tw_status status = tw_buffer_append(answer, block, (size_t)size, error);
        if (status)
            return status;
    }
}

/* "HTTP/1.1 200 OK", headers, an empty line; what is left is the body, zero-ended. */
static enum tw_status split(struct tw_buffer *answer, int *code, struct tw_error *error)
{
    enum tw_status status = tw_buffer_append(answer, "", 1, error);
    if (status)
        return status;
    const char *text = (const char *)answer->data, *body = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.", 7) != 0 || !body || sscanf(text + 8, "%d", code) != 1)
        return tw_fail(error, TW_CORRUPT, "what answers is no HTTP server");
    size_t start = (size_t)(body + 4 - text);
    memmove(answer->data, answer->data + start, answer->size - start);
    answer->size -= start + 1;
    return TW_OK;
}

enum tw_status tw_client_ask(const struct tw_client *client, const char *path, struct tw_span body, int *code,
                             struct tw_buffer *answer, struct tw_error *error)
{
    struct tw_buffer head = {0};
    int file = -1;
    tw_buffer_clear(answer);
    enum tw_status status = tw_buffer_printf(&head, error, "%s %s HTTP/1.0\r\nHost: %s:%s\r\n",
                                             body.size ? "POST" : "GET", path, client->host, client->port);
    if (!status && client->token)
        status = tw_buffer_printf(&head, error, "Authorization: Bearer %s\r\n", client->token);
    if (!status && body.size)
        status = tw_buffer_printf(&head, error, "Content-Length: %zu\r\n", body.size);
    if (!status)
        status = tw_buffer_append_text(&head, "\r\n", error);
    if (!status)
        status = connect_to(client, &file, error);
    if (!status)
        status = send_all(file, tw_buffer_span(&head), error);
    if (!status)
        status = send_all(file, body, error);
    if (!status)
        status = read_all(file, answer, error);
    if (!status)
        status = split(answer, code, error);
    if (file >= 0)
        close(file);
    tw_buffer_release(&head);
    return status;
}
