/* `export`: a model for other runtimes. */
#ifndef TW_TASKS_EXPORT_H
#define TW_TASKS_EXPORT_H

#include "tasks/options.h"

enum tw_export_format { TW_EXPORT_SAVEDMODEL, TW_EXPORT_ONNX };
struct tw_export_options {
    struct tw_task_options task; /* backbone: of a model that holds none; ignores_exif: the graph turns no photo */
    const char *model;
    const char *output_uri; /* SavedModel: a folder; ONNX: a file */
    enum tw_export_format format;
    bool accepts_difference; /* also where the other runtime's scores will not be ours */
    bool is_forced;          /* what is there is replaced */
    bool decodes_photos;     /* ONNX: the graph begins with the bytes of one photo (ImageDecoder, opset 20) */
};
/* Writes nothing that is half: saved_model.pb, or the ONNX file, comes last and whole. TW_UNSUPPORTED names what the other
 * runtime lacks; TW_CONFLICT: something is there already. */
enum tw_status tw_export(const struct tw_export_options *options, struct tw_error *error) TW_MUST_USE;

#endif
