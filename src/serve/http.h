/* HTTP/1.1: libmicrohttpd's connections to exchanges and back. Only http.c knows libmicrohttpd. */
#ifndef TW_SERVE_HTTP_H
#define TW_SERVE_HTTP_H

#include "serve/server.h"

struct tw_http;
/* Listens and serves from here on. *port: the one that was got. */
enum tw_status tw_http_start(const struct tw_serve_options *options, struct tw_server *server, struct tw_http **http,
                             uint16_t *port, struct tw_error *error) TW_MUST_USE;
/* No new connections; those that are there go on, each for the request that it has begun. */
void tw_http_quiesce(struct tw_http *http);
size_t tw_http_in_progress(struct tw_http *http); /* requests whose header was read and that are not answered yet */
void tw_http_free(struct tw_http *http);          /* ends every connection. NULL is fine */

#endif
