/* Photos that look alike, so that they stay together: on one side of a split, in one fold. */
#ifndef TW_TASKS_ALIKE_H
#define TW_TASKS_ALIKE_H

#include "tasks/embedding.h"

/* Numbers the clusters of photos that look alike (item->cluster) over both lists, of which the second may be NULL: scaled,
 * recompressed, relit, turned, mirrored copies. Photos are decoded by `policy` where no run has seen them yet. */
enum tw_status tw_photos_cluster(struct tw_dataset *photos, struct tw_dataset *others, struct tw_embedding_store *store,
                                 const struct tw_decode_policy *policy, const struct tw_task_options *task,
                                 struct tw_error *error) TW_MUST_USE;
/* A remark on every photo to train on that looks like one to evaluate on, and one warning with their number. */
enum tw_status tw_photos_tell_shared(struct tw_dataset *photos, const struct tw_dataset *eval,
                                     const struct tw_sink *sink, struct tw_error *error) TW_MUST_USE;

#endif
