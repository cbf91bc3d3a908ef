/* The way from INPUT to labelled, split and embedded photos, which embed, train, evaluate and predict share. */
#ifndef TW_TASKS_PHOTOS_H
#define TW_TASKS_PHOTOS_H

#include "tasks/embedding.h"

/* Lists, reads and hashes. TW_CORRUPT when there is not one usable photo: the first reason is named. */
enum tw_status tw_photos_list(const char *const *inputs, size_t count, const char *labels_uri,
                              const struct tw_task_options *options, struct tw_dataset *dataset,
                              struct tw_error *error) TW_MUST_USE;
/* The same beside what an earlier run has, which gives way to what is listed again; `count` may be 0. */
enum tw_status tw_photos_list_beside(const struct tw_dataset *kept, const char *const *inputs, size_t count,
                                     const struct tw_task_options *options, struct tw_dataset *dataset,
                                     struct tw_error *error) TW_MUST_USE;
/* The same with labels that are fixed by what is in memory. */
enum tw_status tw_photos_list_known(const char *const *inputs, size_t count, const struct tw_labels *labels,
                                    const struct tw_task_options *options, struct tw_dataset *dataset,
                                    struct tw_error *error) TW_MUST_USE;
size_t tw_photos_skipped(const struct tw_dataset *dataset);
/* Chooses sides, those that look alike together (tw_photos_cluster). Photos of an earlier run into a folder, by its manifest,
 * stay where they are; a folder that is not there or of another share has none. */
enum tw_status tw_photos_split(struct tw_dataset *dataset, double eval_share, const char *folder,
                               const struct tw_sink *sink, struct tw_error *error) TW_MUST_USE;
/* TW_CORRUPT with the first reason when every photo is skipped. */
enum tw_status tw_photos_check_any(const struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;

#endif
