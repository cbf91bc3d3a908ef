/* The prediction server: HTTP over libmicrohttpd, answers from a catalogue of models. */
#ifndef TW_SERVE_SERVER_H
#define TW_SERVE_SERVER_H

#include "serve/catalogue.h"
#include "serve/metrics.h"
#include "serve/workers.h"

struct tw_serve_limits {
    size_t most_body_bytes;    /* of a request; default 32 MiB */
    size_t most_photos;        /* of a request; default 256 */
    size_t most_waiting;       /* photos that are taken and not answered yet; default 512 */
    unsigned most_connections; /* default 16,384 */
    unsigned most_of_address;  /* connections of one address beyond loopback; default 256 */
    unsigned idle_s;           /* a connection on which nothing moves; default 30 */
    double request_s;          /* from the first byte of a request to its last one; default 60 */
    double answer_s;           /* that a photo may wait; default 30 */
    double drain_s;            /* that the end waits for requests in progress; default 30 */
    double rate;               /* requests a second of one address, twice as many at once; default 0: any number */
};
extern const struct tw_serve_limits tw_serve_limits_default;

struct tw_listen {
    const char *address; /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;       /* 0: any that is free */
    bool has_socket;     /* `file` is a socket that listens there already */
    int file;
};
struct tw_serve_options {
    const char *source, *single_name; /* as tw_catalogue_options has them */
    struct tw_listen listen;
    struct tw_listen admin;  /* where models may be changed; its address NULL: nowhere */
    const char *tokens;      /* file of hashed tokens, see tokens.h; NULL: nobody is asked for one */
    const char *general;     /* name of the model that detects labels; NULL: see dialects/vision.c */
    bool takes_corrections;  /* of a store's models, into the store */
    bool is_open;            /* without tokens, also beyond this machine */
    const char *certificate; /* PEM files of TLS; NULL: without TLS */
    const char *key;
    const char *access_log; /* a JSON line a request is appended to; "-": standard output; NULL: nowhere */
    int threads;            /* that answer photos */
    double poll_s;          /* between looks at the store */
    struct tw_serve_limits limits;
    struct tw_image_limits image_limits;
    const struct tw_sink *sink; /* warnings, news; its is_stopped ends the server */
    /* Once it listens and every model that can be loaded is: the ports (0: no admin address). */
    void (*ready)(void *context, uint16_t port, uint16_t admin_port);
    void *context;
};
/* TW_INVALID: an address beyond this machine with neither tokens nor is_open.
 * Serves until the sink's is_stopped: then it takes no more connections, answers what it has begun to read, and returns.
 * TW_IO: the address cannot be listened on. */
enum tw_status tw_serve(const struct tw_serve_options *options, struct tw_error *error) TW_MUST_USE;

/* What dialects ask the server. */
struct tw_server;
struct tw_catalogue *tw_server_catalogue(struct tw_server *server);
struct tw_workers *tw_server_workers(struct tw_server *server);
struct tw_metrics *tw_server_metrics(struct tw_server *server);
const char *tw_server_general(const struct tw_server *server);
bool tw_server_takes_corrections(const struct tw_server *server);
const char *tw_server_store(const struct tw_server *server); /* its uri; NULL: one model is served */
size_t tw_server_in_progress(struct tw_server *server);      /* requests */
const struct tw_serve_limits *tw_server_limits(const struct tw_server *server);
/* Live: it runs. Ready: it has loaded what it can, and does not end. */
bool tw_server_is_ready(const struct tw_server *server);

#endif
