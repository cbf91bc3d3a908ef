/* The reader of frozen TensorFlow graphs, for the table of formats. See tw_format. */
#ifndef TW_FORMATS_GRAPHDEF_READ_H
#define TW_FORMATS_GRAPHDEF_READ_H

#include "formats/format.h"

bool graphdef_matches(struct tw_span bytes);
enum tw_status graphdef_read(struct tw_span bytes, const struct tw_format_limits *limits, struct tw_graph **graph,
                             struct tw_error *error) TW_MUST_USE;

#endif
