/* `backbone convert`: a network of any known format as an ONNX file. */
#ifndef TW_TASKS_CONVERT_H
#define TW_TASKS_CONVERT_H

#include "tasks/options.h"

/* Writes the network of options->backbone, whole, with its own outputs; how a photo becomes its input and which tensor is
 * its embedding stand in the properties "topwork.policy" and "topwork.embedding", so that it needs no further options as a
 * backbone. A file that is there is replaced only when `is_forced`. */
enum tw_status tw_backbone_convert(const struct tw_task_options *options, const char *output_uri, bool is_forced,
                                   struct tw_error *error) TW_MUST_USE;

#endif
