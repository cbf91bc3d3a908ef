#include "serve/http.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "serve/dialect.h"
#include "serve/inflate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTION_MEMORY = 64 * 1024, READING_THREADS = 2 };

struct tw_http {
    struct tw_server *server;
    struct tw_http_options options;
    struct MHD_Daemon *daemon;
    int listening; /* the socket after tw_http_quiesce, else -1 */
    atomic_size_t in_progress;
    atomic_bool is_ending;
};

/* A request on its way; libmicrohttpd carries it for the connection. */
struct passage {
    struct tw_http *http;
    struct MHD_Connection *connection;
    struct tw_exchange exchange;
    struct tw_buffer body;
    char *method, *path;
    size_t discarded;   /* bytes of a body that is refused already */
    bool has_submitted; /* the call was given to the workers; they have resumed the connection */
    bool is_refused;
};

static const char *find_value(const void *connection, enum MHD_ValueKind kind, const char *name)
{
    return MHD_lookup_connection_value((struct MHD_Connection *)connection, kind, name);
}

static const char *find_header(const void *connection, const char *name)
{
    return find_value(connection, MHD_HEADER_KIND, name);
}

static const char *find_query(const void *connection, const char *name)
{
    return find_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static void write_address(struct MHD_Connection *connection, char address[TW_ADDRESS_SIZE])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info ? info->client_addr : NULL;
    strcpy(address, "-");
    if (peer && peer->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, address, TW_ADDRESS_SIZE);
    else if (peer && peer->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, address, TW_ADDRESS_SIZE);
}

/* The client's own id where it is a plain word, so that its log and ours can be laid side by side; else one of our making. */
static void write_id(struct MHD_Connection *connection, char id[TW_REQUEST_ID_SIZE])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *given = find_header(connection, "X-Request-Id");
    size_t length = given ? strnlen(given, TW_REQUEST_ID_SIZE) : 0;
    uint8_t random[8] = {0};
    if (length > 0 && length < TW_REQUEST_ID_SIZE && strspn(given, plain) == length) {
        memcpy(id, given, length + 1);
        return;
    }
    (void)!RAND_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

static void free_passage(struct passage *passage)
{
    if (!passage)
        return;
    tw_exchange_release(&passage->exchange);
    tw_buffer_release(&passage->body);
    tw_free(passage->method);
    tw_free(passage->path);
    tw_free(passage);
}

static struct passage *new_passage(struct tw_http *http, struct MHD_Connection *connection, const char *url,
                                   const char *method)
{
    struct passage *made = tw_alloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->http = http;
    made->connection = connection;
    made->method = tw_strdup(method);
    made->path = tw_strdup(url);
    if (!made->method || !made->path) {
        free_passage(made);
        return NULL;
    }
    struct tw_exchange *exchange = &made->exchange;
    exchange->server = http->server;
    exchange->is_admin = http->options.is_admin;
    exchange->dialect = tw_dialect_of(made->path);
    exchange->request = (struct tw_request){.method = made->method,
                                            .path = made->path,
                                            .started_s = tw_clock_seconds(),
                                            .header = find_header,
                                            .query = find_query,
                                            .connection = connection};
    write_address(connection, exchange->request.address);
    write_id(connection, exchange->request.id);
    atomic_fetch_add(&http->in_progress, 1);
    return made;
}

static struct MHD_Response *make_response(struct tw_response *response)
{
    if (response->fixed.data)
        return MHD_create_response_from_buffer(response->fixed.size, (void *)response->fixed.data,
                                               MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *made =
        MHD_create_response_from_buffer_with_free_callback(response->body.size, response->body.data, tw_free);
    if (made)
        response->body = (struct tw_buffer){0}; /* changed hands */
    return made;
}

static void add_headers(struct MHD_Response *made, const struct passage *passage)
{
    static const struct {
        const char *name, *value;
    } always[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", "no-store"},
    };
    const struct tw_response *response = &passage->exchange.response;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(made, always[i].name, always[i].value);
    MHD_add_response_header(made, "X-Request-Id", passage->exchange.request.id);
    if (response->content_type)
        MHD_add_response_header(made, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(made, response->headers[i].name, response->headers[i].value);
    if (passage->is_refused || atomic_load(&passage->http->is_ending))
        MHD_add_response_header(made, "Connection", "close");
}

static enum MHD_Result respond(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    struct tw_response *response = &exchange->response;
    response->sent_bytes = response->fixed.data ? response->fixed.size : response->body.size;
    struct MHD_Response *made = make_response(response);
    if (!made)
        return MHD_NO;
    add_headers(made, passage);
    enum MHD_Result result = MHD_queue_response(passage->connection, exchange->response.code, made);
    MHD_destroy_response(made);
    return result;
}

static enum MHD_Result respond_refusal(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    if (exchange->response.code == 429 || exchange->response.code == 503)
        (void)!tw_response_header(exchange, "Retry-After", "1");
    exchange->dialect->refuse(exchange);
    return respond(passage);
}

/* What the header tells: who may not ask, and a body that is too long, are refused before a byte of the body is read. What is
 * public (probes, the page itself) needs no token. */
static bool check_header(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    const struct tw_http_options *options = &passage->http->options;
    bool is_public = exchange->dialect->is_public && exchange->dialect->is_public(passage->path);
    if (options->rate && !tw_rate_allow(options->rate, exchange->request.address, exchange->request.started_s))
        return tw_refuse(exchange, 429, "%s asks more often than %g times a second", exchange->request.address,
                         options->limits.rate);
    if (options->tokens && !is_public &&
        !tw_tokens_allow(options->tokens, find_header(passage->connection, "Authorization"))) {
        (void)!tw_response_header(exchange, "WWW-Authenticate", "Bearer");
        return tw_refuse(exchange, 401, "this server wants a token it knows: Authorization: Bearer TOKEN");
    }
    const char *length = find_header(passage->connection, "Content-Length");
    int64_t size = 0;
    if (length && !tw_parse_int64(length, 0, INT64_MAX, &size))
        return tw_refuse(exchange, 400, "Content-Length is no number");
    if ((uint64_t)size > passage->http->options.limits.most_body_bytes)
        return tw_refuse(exchange, 413, "the body has %lld bytes, over the limit of %zu", (long long)size,
                         passage->http->options.limits.most_body_bytes);
    return true;
}

/* A body without a length can be refused only when it has all come: it is thrown away up to once more the limit. */
static enum MHD_Result take_body(struct passage *passage, const char *data, size_t *size)
{
    struct tw_exchange *exchange = &passage->exchange;
    const struct tw_serve_limits *limits = &passage->http->options.limits;
    if (tw_clock_seconds() - exchange->request.started_s > limits->request_s)
        return MHD_NO;
    if (!passage->is_refused && *size > limits->most_body_bytes - passage->body.size) {
        passage->is_refused = true;
        tw_buffer_release(&passage->body);
        tw_refuse(exchange, 413, "the body has more than the limit of %zu bytes", limits->most_body_bytes);
    }
    if (!passage->is_refused && tw_buffer_append(&passage->body, data, *size, NULL)) {
        passage->is_refused = true;
        tw_refuse(exchange, 503, "no memory for the body");
    }
    if (passage->is_refused)
        passage->discarded += *size;
    *size = 0;
    return passage->discarded > limits->most_body_bytes ? MHD_NO : MHD_YES;
}

/* On a worker's thread. */
static void call_done(struct tw_call *call)
{
    struct passage *passage = call->context;
    MHD_resume_connection(passage->connection);
}

/* The connection sleeps before the workers can wake it. */
static enum MHD_Result submit(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    struct tw_error error = {0};
    exchange->call.done = call_done;
    exchange->call.context = passage;
    exchange->call.deadline_s = tw_clock_seconds() + passage->http->options.limits.answer_s;
    passage->has_submitted = true;
    MHD_suspend_connection(passage->connection);
    if (tw_workers_submit(tw_server_workers(exchange->server), &exchange->call, &error)) {
        passage->is_refused = true;
        tw_refuse(exchange, 429, "the server is busy: %s; try again in a second", error.text);
        MHD_resume_connection(passage->connection);
    }
    return MHD_YES;
}

/* The body as the dialect reads it. */
static bool unpack(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    const char *encoding = find_header(passage->connection, "Content-Encoding");
    struct tw_buffer unpacked = {0};
    struct tw_error error = {0};
    exchange->request.body = tw_buffer_span(&passage->body);
    if (!encoding || strcasecmp(encoding, "identity") == 0)
        return true;
    if (strcasecmp(encoding, "gzip") != 0)
        return tw_refuse(exchange, 415, "the body comes as %.40s; gzip or nothing is understood", encoding);
    if (tw_inflate(exchange->request.body, passage->http->options.limits.most_body_bytes, &unpacked, &error)) {
        tw_buffer_release(&unpacked);
        return tw_refuse_by(exchange, &error);
    }
    tw_buffer_release(&passage->body);
    passage->body = unpacked;
    exchange->request.body = tw_buffer_span(&passage->body);
    return true;
}

static enum MHD_Result begin(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    if (!unpack(passage) || !exchange->dialect->begin(exchange))
        return respond_refusal(passage);
    if (exchange->call.count > passage->http->options.limits.most_photos) {
        tw_refuse(exchange, 413, "the request has %zu photos, over the limit of %zu", exchange->call.count,
                  passage->http->options.limits.most_photos);
        return respond_refusal(passage);
    }
    return exchange->call.count ? submit(passage) : respond(passage);
}

static enum MHD_Result finish(struct passage *passage)
{
    struct tw_exchange *exchange = &passage->exchange;
    if (passage->is_refused || !exchange->dialect->finish(exchange))
        return respond_refusal(passage);
    return respond(passage);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state)
{
    struct passage *passage = *state;
    (void)version;
    if (!passage) {
        passage = *state = new_passage(context, connection, url, method);
        if (!passage)
            return MHD_NO;
        passage->is_refused = !check_header(passage);
        return passage->is_refused ? respond_refusal(passage) : MHD_YES;
    }
    if (*size)
        return take_body(passage, data, size);
    if (passage->has_submitted)
        return finish(passage);
    return passage->is_refused ? respond_refusal(passage) : begin(passage);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct tw_http *http = context;
    struct passage *passage = *state;
    (void)connection;
    (void)code;
    *state = NULL;
    if (!passage)
        return;
    double seconds = tw_clock_seconds() - passage->exchange.request.started_s;
    tw_metrics_request(tw_server_metrics(http->server), &passage->exchange, seconds);
    if (http->options.log)
        tw_access_log_write(http->options.log, &passage->exchange, seconds);
    free_passage(passage);
    atomic_fetch_sub(&http->in_progress, 1);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum tw_status read_address(const struct tw_listen *options, union address *address, struct tw_error *error)
{
    *address = (union address){0};
    if (inet_pton(AF_INET, options->address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(options->port);
    } else if (inet_pton(AF_INET6, options->address, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(options->port);
    } else {
        return tw_fail(error, TW_INVALID, "%s is no address to listen on, such as 127.0.0.1, 0.0.0.0 or ::1",
                       options->address);
    }
    return TW_OK;
}

/* libmicrohttpd says only that it failed: the reason is the socket's, so it is made here. */
static enum tw_status listen_on(const struct tw_listen *options, int *made, uint16_t *port, struct tw_error *error)
{
    union address address;
    int on = 1;
    socklen_t size = sizeof address;
    enum tw_status status = read_address(options, &address, error);
    if (status)
        return status;
    if (options->has_socket) { /* two threads accept: who comes second must not wait */
        if (fcntl(options->file, F_SETFL, O_NONBLOCK) < 0)
            return tw_fail(error, TW_IO, "cannot use the socket that was handed over: %s", strerror(errno));
        *made = options->file;
        *port = options->port;
        return TW_OK;
    }
    int file = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_done =
        file >= 0 && setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(file, &address.any, address.any.sa_family == AF_INET ? sizeof address.v4 : sizeof address.v6) == 0 &&
        listen(file, SOMAXCONN) == 0 && getsockname(file, &address.any, &size) == 0;
    if (!is_done) {
        status =
            tw_fail(error, TW_IO, "cannot listen on %s, port %u: %s", options->address, options->port, strerror(errno));
        if (file >= 0)
            close(file);
        return status;
    }
    *port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *made = file;
    return TW_OK;
}

enum tw_status tw_listen_check(const struct tw_listen *listen, struct tw_error *error)
{
    union address address;
    return read_address(listen, &address, error);
}

bool tw_listen_is_local(const struct tw_listen *listen)
{
    return strncmp(listen->address, "127.", 4) == 0 || strcmp(listen->address, "::1") == 0;
}

/* The daemon's options, the last two only with TLS. Whoever is on this machine already can do worse than hold connections. */
static struct MHD_Daemon *start_daemon(struct tw_http *http, int file)
{
    const struct tw_http_options *options = &http->options;
    const struct tw_serve_limits *limits = &options->limits;
    unsigned of_address = tw_listen_is_local(&options->listen) ? 0 : limits->most_of_address;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->key},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(flags | (options->certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, http,
                            MHD_OPTION_LISTEN_SOCKET, file, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)READING_THREADS,
                            MHD_OPTION_CONNECTION_LIMIT, limits->most_connections, MHD_OPTION_CONNECTION_TIMEOUT,
                            limits->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, of_address, MHD_OPTION_NOTIFY_COMPLETED, completed,
                            http, MHD_OPTION_ARRAY, options->certificate ? tls : &tls[2], MHD_OPTION_END);
}

enum tw_status tw_http_start(const struct tw_http_options *options, struct tw_server *server, struct tw_http **http,
                             uint16_t *port, struct tw_error *error)
{
    int file = -1;
    struct tw_http *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "the server");
    made->server = server;
    made->options = *options;
    made->listening = -1;
    enum tw_status status = listen_on(&options->listen, &file, port, error);
    if (status) {
        tw_free(made);
        return status;
    }
    made->daemon = start_daemon(made, file);
    if (!made->daemon) {
        close(file);
        tw_free(made);
        return tw_fail(error, TW_IO, "cannot start the HTTP server on %s, port %u%s", options->listen.address, *port,
                       options->certificate ? "; are certificate and key a pair of PEM files?" : "");
    }
    *http = made;
    return TW_OK;
}

void tw_http_quiesce(struct tw_http *http)
{
    atomic_store(&http->is_ending, true);
    if (http->listening < 0)
        http->listening = MHD_quiesce_daemon(http->daemon);
}

size_t tw_http_in_progress(struct tw_http *http)
{
    return atomic_load(&http->in_progress);
}

void tw_http_free(struct tw_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon);
    if (http->listening >= 0)
        close(http->listening);
    tw_free(http);
}
