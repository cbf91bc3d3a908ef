/* Embeddings with keys and labels, in a canonical order, from records or from just embedded photos. Beyond some tens of
 * megabytes the embeddings lie in a mapped scratch file: there may be more of them than memory. */
#ifndef TW_TASKS_EXAMPLE_SET_H
#define TW_TASKS_EXAMPLE_SET_H

#include "storage/scratch.h"
#include "tasks/embedding.h"
#include "tasks/input.h"
#include "train/examples.h"

/* Zero-initialise; release accepts the zero state. */
struct tw_example_set {
    const char *scratch_folder; /* where a scratch file may lie; NULL: the cache's folder. Borrowed */
    size_t count, width;
    float *embeddings;         /* on the heap, or the base of `scratch` */
    size_t embedding_capacity; /* floats on the heap */
    struct tw_scratch scratch;
    struct tw_digest *digests; /* of each row's labels and values */
    size_t digest_capacity;
    char **keys;
    size_t key_capacity;
    int64_t *labels;
    size_t label_count, label_capacity;
    size_t *starts; /* count + 1 */
    size_t start_capacity;
    size_t *clusters; /* of each row, as tw_item has them */
    size_t cluster_capacity;
    size_t *groups; /* of the sorted rows, as tw_examples has them; NULL: no two rows are of one cluster */
    bool has_unlabelled;
    int64_t greatest_label; /* -1: none */
};
/* Borrowed. */
struct tw_example_row {
    const char *key;
    const float *embedding;
    size_t width;
    const int64_t *labels;
    size_t label_count;
    size_t cluster;                 /* 0: alone */
    const struct tw_digest *digest; /* by tw_example_row_digest; NULL: not computed yet */
};
enum tw_status tw_example_row_digest(const struct tw_example_row *row, struct tw_digest *digest,
                                     struct tw_error *error) TW_MUST_USE;
enum tw_status tw_example_set_add(struct tw_example_set *set, const struct tw_example_row *row,
                                  struct tw_error *error) TW_MUST_USE;
/* A row of the set, to add it to another one. */
struct tw_example_row tw_example_set_row(const struct tw_example_set *set, size_t row);
void tw_example_set_release(struct tw_example_set *set);
struct tw_examples tw_example_set_view(const struct tw_example_set *set);
/* The same set of rows gives the same order. What is learnt from lies by content (the digest of labels and values, keys only
 * between equals): the order, and so the model, does not hang on where photos lie or how their paths are spelled, and
 * neighbours have nothing in common. What is evaluated lies by key, as people read it. */
enum tw_row_order { TW_ROWS_BY_CONTENT, TW_ROWS_BY_KEY };
enum tw_status tw_example_set_sort(struct tw_example_set *set, enum tw_row_order rows,
                                   struct tw_error *error) TW_MUST_USE;
/* SHA-256 of the rows' digests in their order. */
enum tw_status tw_example_set_digest(const struct tw_example_set *set, struct tw_digest *digest,
                                     struct tw_error *error) TW_MUST_USE;

/* Reads every record into sets in their order, several files at a time; those of the manifest's eval shards, or, where there are none, what tw_example_set_split takes, go to
 * `eval` (NULL: all go to `train`). A shard whose bytes are not the manifest's is TW_CORRUPT. */
enum tw_status tw_example_set_from_records(const struct tw_input *input, double eval_share,
                                           const struct tw_task_options *task, struct tw_example_set *train,
                                           struct tw_example_set *eval, struct tw_error *error) TW_MUST_USE;
/* Moves to `eval` the rows whose key's hash is below eval_share, so that adding rows moves none. As with photos, a label of
 * two keys or more without an eval row gives its lowest hash, one without a train row takes its highest back. */
enum tw_status tw_example_set_split(struct tw_example_set *train, double eval_share, struct tw_example_set *eval,
                                    struct tw_error *error) TW_MUST_USE;
/* Counts the rows of `a` whose key `b` has too. */
enum tw_status tw_example_set_shared_keys(const struct tw_example_set *a, const struct tw_example_set *b, size_t *count,
                                          struct tw_error *error) TW_MUST_USE;
/* The ok items of one side. */
enum tw_status tw_example_set_from_items(const struct tw_dataset *dataset, enum tw_side side,
                                         struct tw_embedding_store *store, struct tw_example_set *set,
                                         struct tw_error *error) TW_MUST_USE;

#endif
