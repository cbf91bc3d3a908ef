/* The readers behind the table of formats. See tw_format. */
#ifndef TW_FORMATS_READERS_H
#define TW_FORMATS_READERS_H

#include "formats/format.h"

bool onnx_matches(struct tw_span bytes);
enum tw_status onnx_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                         struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool graphdef_matches(struct tw_span bytes);
enum tw_status graphdef_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                             struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool tflite_matches(struct tw_span bytes);
enum tw_status tflite_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                           struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool savedmodel_matches(struct tw_span bytes);
enum tw_status savedmodel_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                               struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool checkpoint_matches(struct tw_span bytes);
enum tw_status checkpoint_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                               struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool safetensors_matches(struct tw_span bytes);
enum tw_status safetensors_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                                struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
bool keras_matches(struct tw_span bytes);
enum tw_status keras_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                          struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;

#endif
