/* `backbone info --profile`: where a network's time goes on this machine. */
#ifndef TW_CLI_PROFILE_H
#define TW_CLI_PROFILE_H

#include "base/bytes.h"
#include "tasks/backbone.h"

/* Appends a table of the steps and what they come to. */
enum tw_status tw_put_profile(struct tw_backbone *backbone, const struct tw_task_options *options,
                              struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;

#endif
