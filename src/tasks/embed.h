/* `embed`: photos to TFRecord shards of embeddings, with labels.txt, audit.csv and, last, manifest.json. */
#ifndef TW_TASKS_EMBED_H
#define TW_TASKS_EMBED_H

#include "tasks/options.h"

#include <stddef.h>

struct tw_embed_options {
    struct tw_task_options task;
    const char *const *inputs;
    size_t input_count;
    const char *labels_uri; /* dict.txt or NULL */
    const char *output;
    double eval_share;
    bool is_forced;
};
struct tw_embed_result {
    size_t photos, embedded, computed, reused, skipped; /* photos = embedded + skipped */
    size_t train, eval, labels, shards;
    char backbone[128];
};
enum tw_status tw_embed(const struct tw_embed_options *options, struct tw_embed_result *result,
                        struct tw_error *error) TW_MUST_USE;

#endif
