/* Rows and columns of photos as TensorFlow Serving and Cloud ML have them in their JSON: image_bytes, and key where the client
 * wants it back. */
#ifndef TW_SERVE_INSTANCES_H
#define TW_SERVE_INSTANCES_H

#include "serve/exchange.h"
#include "serve/json.h"

/* Zero-initialise; release accepts the zero state. */
struct tw_instances {
    bool has_keys;
    char **keys; /* of each photo of the call, where has_keys */
    size_t key_count;
};
void tw_instances_release(struct tw_instances *instances);
/* Rows with the same members each: image_bytes, and key where the first has it; a bare {"b64"} is a row of bytes alone. Their
 * photos go into the call. False: refused, as all below. */
bool tw_instances_read_rows(struct tw_exchange *exchange, struct json_object *rows, struct tw_instances *instances);
/* {"image_bytes": [...], "key": [...]}, or a list of bytes alone. */
bool tw_instances_read_columns(struct tw_exchange *exchange, struct json_object *columns,
                               struct tw_instances *instances);
/* {"key": .., "prediction": .., "scores": [..]} of one photo, with what separates it from the one before. */
bool tw_instances_put(struct tw_exchange *exchange, const struct tw_instances *instances, size_t index);
bool tw_answer_scores(struct tw_exchange *exchange, const struct tw_answer *answer); /* [0.1, 0.9] */

#endif
