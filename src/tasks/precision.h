/* --precision auto: the fastest arithmetic that keeps a network's embeddings where f32 has them. */
#ifndef TW_TASKS_PRECISION_H
#define TW_TASKS_PRECISION_H

#include "dataset/dataset.h"
#include "tasks/backbone.h"

/* Settles backbone->precision where it is AUTO: int8 of a network that is quantised; else bf16 where the CPU has it and every
 * embedding of a sample keeps a cosine of TW_PRECISION_COSINE to f32's and the fastest photo of it takes less than 0.9 of f32's
 * time; else f32. The sample hangs on the photos' contents only (at most TW_PRECISION_SAMPLE of them, those of the lowest
 * hashes). CPUs with AMX take a third of the time, those without may take more than f32: so one CPU chooses alike each time.
 * The dataset is hashed already. */
#define TW_PRECISION_COSINE 0.999
enum { TW_PRECISION_SAMPLE = 16 };
enum tw_status tw_backbone_choose_precision(struct tw_backbone *backbone, const struct tw_task_options *options,
                                            const struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;
/* 1 for two vectors of zeros, 0 for one. */
double tw_cosine(const float *a, const float *b, size_t count);

#endif
