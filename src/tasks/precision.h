/* --precision auto: the fastest arithmetic that keeps a network's embeddings where f32 has them. */
#ifndef TW_TASKS_PRECISION_H
#define TW_TASKS_PRECISION_H

#include "dataset/dataset.h"
#include "tasks/backbone.h"

/* Settles backbone->precision where it is AUTO: int8 of a network that is quantised; else bf16 where the CPU has it and every
 * embedding of a sample keeps a cosine of TW_PRECISION_COSINE to f32's; else f32. The sample hangs on the photos' contents
 * only (at most TW_PRECISION_SAMPLE of them, those of the lowest hashes), and nothing is timed: bf16 is the faster one where
 * there is arithmetic for it. So the same photos give the same choice. The dataset is hashed already. */
#define TW_PRECISION_COSINE 0.999
enum { TW_PRECISION_SAMPLE = 16 };
enum tw_status tw_backbone_choose_precision(struct tw_backbone *backbone, const struct tw_task_options *options,
                                            const struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;
/* 1 for two vectors of zeros, 0 for one. */
double tw_cosine(const float *a, const float *b, size_t count);

#endif
