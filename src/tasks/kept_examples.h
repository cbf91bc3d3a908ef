/* What RUN/examples/ holds, read back whole: a run grows from it, and its photos need not be there any more. */
#ifndef TW_TASKS_KEPT_EXAMPLES_H
#define TW_TASKS_KEPT_EXAMPLES_H

#include "tasks/examples_folder.h"

/* Zero-initialise; release accepts the zero state. It must not move once it is a source. */
struct tw_kept_photo {
    struct tw_digest content; /* of the file, or where that is not known, of uri and embedding */
    int width, height;
    struct tw_span thumbnail; /* empty: none */
};
struct tw_kept_examples {
    struct tw_example_set train, eval;
    struct tw_manifest manifest; /* where has_manifest */
    bool has_manifest;
    struct tw_kept_photo *photos; /* of train's rows, then of eval's; NULL: the run was trained from records */
    size_t *order;                /* rows by content */
    struct tw_buffer thumbnails;  /* behind the spans */
};
/* TW_NOT_FOUND, TW_CORRUPT: the run has no such folder, or one that is not whole. */
enum tw_status tw_kept_examples_read(const char *run, const struct tw_task_options *task, struct tw_kept_examples *kept,
                                     struct tw_error *error) TW_MUST_USE;
/* For tw_embedding_store: asks `kept`, which must outlive it. */
struct tw_embedding_source tw_kept_examples_source(const struct tw_kept_examples *kept);
void tw_kept_examples_release(struct tw_kept_examples *kept);

#endif
