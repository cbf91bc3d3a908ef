/* HTTP/1.1: libmicrohttpd's connections to exchanges and back. Only http.c knows libmicrohttpd. */
#ifndef TW_SERVE_HTTP_H
#define TW_SERVE_HTTP_H

#include "serve/access_log.h"
#include "serve/rate.h"
#include "serve/server.h"
#include "serve/tokens.h"

struct tw_http;
/* Borrowed until tw_http_free. */
struct tw_http_options {
    struct tw_listen listen;
    struct tw_serve_limits limits;
    bool is_admin;                  /* exchanges that come in here may change models */
    const char *certificate, *key;  /* PEM texts; NULL: without TLS */
    const struct tw_tokens *tokens; /* NULL: nobody is asked */
    struct tw_rate *rate;           /* NULL: as often as they like */
    struct tw_access_log *log;      /* NULL: none */
};
/* Listens and serves from here on. *port: the one that was got. */
enum tw_status tw_http_start(const struct tw_http_options *options, struct tw_server *server, struct tw_http **http,
                             uint16_t *port, struct tw_error *error) TW_MUST_USE;
/* TW_INVALID: its address is none. */
enum tw_status tw_listen_check(const struct tw_listen *listen, struct tw_error *error) TW_MUST_USE;
bool tw_listen_is_local(const struct tw_listen *listen); /* only this machine reaches it */
/* No new connections; those that are there go on, each for the request that it has begun. */
void tw_http_quiesce(struct tw_http *http);
size_t tw_http_in_progress(struct tw_http *http); /* requests whose header was read and that are not answered yet */
void tw_http_free(struct tw_http *http);          /* ends every connection. NULL is fine */

#endif
