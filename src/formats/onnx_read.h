/* The reader of ONNX files, for the table of formats. See tw_format. */
#ifndef TW_FORMATS_ONNX_READ_H
#define TW_FORMATS_ONNX_READ_H

#include "formats/format.h"

bool onnx_matches(struct tw_span bytes);
enum tw_status onnx_read(struct tw_span bytes, const struct tw_format_limits *limits, struct tw_graph **graph,
                         struct tw_error *error) TW_MUST_USE;

#endif
