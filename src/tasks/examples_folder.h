/* RUN/examples/: the training embeddings as records, labels.txt, a manifest where it is known which backbone made them (so
 * that the folder is an INPUT again), and thumbnails of the photos: nearest-photo answers and growing stand on it.
 * RUN/examples/held-out/ is the same for what was evaluated. thumbnails.tfrecord.gz holds tf.Examples with image_uri and
 * thumbnail (JPEG bytes). photos.csv, where photos were given: uri,side,content,width,height, a row for each record of the
 * two, in their order; the SHA-256 of the file is empty where two photos have one uri. */
#ifndef TW_TASKS_EXAMPLES_FOLDER_H
#define TW_TASKS_EXAMPLES_FOLDER_H

#include "tasks/example_set.h"

/* What made the embeddings. Borrowed; `backbone` is NULL for foreign records. */
struct tw_examples_origin {
    const char *backbone, *layer, *policy_json, *engine;
    const char *choices; /* NULL: not known */
    struct tw_digest backbone_digest;
    size_t label_count; /* the unlabelled class, which is the last one, left out */
    /* The sides of the photos, for tw_photos_split of the next run; zero where they were not split. */
    double eval_share;
    struct tw_digest *kept_on_eval, *kept_on_train;
    size_t kept_on_eval_count, kept_on_train_count;
};
/* Borrowed. */
struct tw_examples_parts {
    const char *run;
    const struct tw_example_set *train, *eval;
    const struct tw_labels *labels;
    const struct tw_examples_origin *origin;
    const struct tw_dataset *datasets[2]; /* the photos; empty for records */
    struct tw_embedding_store *store;     /* of their thumbnails; NULL for records */
};
enum tw_status tw_examples_folder_write(const struct tw_examples_parts *parts, struct tw_error *error) TW_MUST_USE;

/* Calls `use` for each thumbnail of such a folder, borrowed, in the file's order. TW_OK where there are none. */
typedef enum tw_status tw_thumbnail_user(void *context, struct tw_span uri, struct tw_span jpeg,
                                         struct tw_error *error);
enum tw_status tw_examples_thumbnails_read(const char *folder, tw_thumbnail_user *use, void *context,
                                           struct tw_error *error) TW_MUST_USE;

#endif
