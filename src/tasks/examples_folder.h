/* RUN/examples/: the training embeddings as records with a manifest, and thumbnails of the photos: nearest-photo answers
 * and growing stand on it. thumbnails.tfrecord.gz holds tf.Examples with image_uri and thumbnail (JPEG bytes). */
#ifndef TW_TASKS_EXAMPLES_FOLDER_H
#define TW_TASKS_EXAMPLES_FOLDER_H

#include "tasks/example_set.h"

/* `dataset` is empty and `store` without thumbnails where the run's input was records. */
enum tw_status tw_examples_folder_write(const char *run, const struct tw_example_set *train,
                                        const struct tw_dataset *dataset, struct tw_embedding_store *store,
                                        const struct tw_labels *labels, struct tw_error *error) TW_MUST_USE;

#endif
