/* How often an address may ask: a bucket for each, which fills at a steady rate. In memory of a fixed size: what was not seen for
 * the longest is forgotten first, and whoever is forgotten starts with a full bucket. */
#ifndef TW_SERVE_RATE_H
#define TW_SERVE_RATE_H

#include "base/status.h"

#include <stdbool.h>

struct tw_rate;
/* `per_second` > 0: requests that an address may make on and on; twice as many (at least one) at once. */
enum tw_status tw_rate_new(double per_second, struct tw_rate **rate, struct tw_error *error) TW_MUST_USE;
/* Whether one more of the address may pass at `now_s`; if so, it is counted. Thread-safe. */
bool tw_rate_allow(struct tw_rate *rate, const char *address, double now_s);
void tw_rate_free(struct tw_rate *rate); /* NULL is fine */

#endif
