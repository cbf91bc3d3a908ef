/* The way from INPUT to labelled, split and embedded photos, which embed, train, evaluate and predict share. */
#ifndef TW_TASKS_PHOTOS_H
#define TW_TASKS_PHOTOS_H

#include "tasks/embedding.h"

/* Lists, reads and hashes. TW_CORRUPT when there is not one usable photo: the first reason is named. */
enum tw_status tw_photos_list(const char *const *inputs, size_t count, const char *labels_uri,
                              const struct tw_task_options *options, struct tw_dataset *dataset,
                              struct tw_error *error) TW_MUST_USE;
size_t tw_photos_skipped(const struct tw_dataset *dataset);
/* TW_CORRUPT with the first reason when every photo is skipped. */
enum tw_status tw_photos_check_any(const struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;

#endif
