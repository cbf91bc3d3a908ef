/* Training state on disk, so that a killed run goes on to the same bits. File step-STEP.twc in the folder: 8 bytes
 * "TWCHECK1", u64le step, u64le identity, u64le count of floats, the floats (little-endian), u32le CRC-32C of all before. */
#ifndef TW_TRAIN_CHECKPOINT_H
#define TW_TRAIN_CHECKPOINT_H

#include "base/log.h"
#include "train/examples.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a checkpoint must agree with: `settings` (all of them, as text), shapes and the examples themselves. */
uint64_t tw_checkpoint_identity(const char *settings, const struct tw_examples *examples, size_t class_count,
                                int64_t unlabelled_class);
/* Whose a checkpoint is, and where. */
struct tw_checkpoint_place {
    const char *folder;
    uint64_t identity;
    size_t kept; /* this one and those before it, so many in all; at least 1 */
};
/* Later ones, of another training, are removed. */
enum tw_status tw_checkpoint_write(const struct tw_checkpoint_place *place, uint64_t step, const float *state,
                                   size_t count, struct tw_error *error) TW_MUST_USE;
/* The one of this step, where it is there, whole and of this identity; else false, and the state is untouched. */
bool tw_checkpoint_read_step(const struct tw_checkpoint_place *place, uint64_t step, float *state, size_t count);
/* Removes those of steps 1 to `last`. */
void tw_checkpoint_forget(const struct tw_checkpoint_place *place, uint64_t last);
/* The newest one that is whole and of this identity; *step 0: none, state untouched. Damaged ones are named to the sink
 * and passed over. */
enum tw_status tw_checkpoint_read(const char *folder, uint64_t identity, uint64_t *step, float *state, size_t count,
                                  const struct tw_sink *sink, struct tw_error *error) TW_MUST_USE;

#endif
