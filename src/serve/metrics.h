/* What the server counts, in the words of Prometheus. */
#ifndef TW_SERVE_METRICS_H
#define TW_SERVE_METRICS_H

#include "serve/exchange.h"

struct tw_metrics;
enum tw_status tw_metrics_new(struct tw_metrics **metrics, struct tw_error *error) TW_MUST_USE;
void tw_metrics_free(struct tw_metrics *metrics); /* NULL is fine */
/* A request that was answered. */
void tw_metrics_request(struct tw_metrics *metrics, const struct tw_exchange *exchange, double seconds);
/* The whole, as text of exposition format 0.0.4. Appends. */
enum tw_status tw_metrics_text(struct tw_metrics *metrics, struct tw_server *server, struct tw_buffer *out,
                               struct tw_error *error) TW_MUST_USE;

#endif
