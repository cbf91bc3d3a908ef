/* The image policy of a network whose file does not hold ours: read from what it says of itself, else guessed. */
#ifndef TW_TASKS_POLICY_GUESS_H
#define TW_TASKS_POLICY_GUESS_H

#include "graph/graph.h"
#include "image/image.h"

/* *is_guessed tells whether the file's own words were enough. TW_UNSUPPORTED: the input is no image of known size. */
enum tw_status tw_policy_of_graph(const struct tw_graph *graph, struct tw_image_policy *policy, bool *is_guessed,
                                  struct tw_error *error) TW_MUST_USE;

#endif
