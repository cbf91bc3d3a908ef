#include "cli/command.h"

#include "tasks/export.h"

#include <string.h>

enum tw_exit tw_command_export(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    const char *format = tw_text(arguments, TW_OPTION_FORMAT, "savedmodel");
    struct tw_export_options options = {
        .model = arguments->operands[0],
        .output_uri = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .format = strcmp(format, "onnx") == 0 ? TW_EXPORT_ONNX : TW_EXPORT_SAVEDMODEL,
        .accepts_difference = tw_has(arguments, TW_OPTION_ACCEPT_DIFFERENCE),
        .decodes_photos = tw_has(arguments, TW_OPTION_IMAGE_DECODER),
        .is_forced = tw_has(arguments, TW_OPTION_FORCE),
    };
    enum tw_status status = tw_console_task(arguments, console, &options.task, &error);
    if (status == TW_OK && arguments->operand_count != 1)
        status = tw_fail(&error, TW_INVALID, "it is: topwork export MODEL --format savedmodel|onnx -o PATH");
    if (status == TW_OK && options.output_uri == NULL)
        status = tw_fail(&error, TW_INVALID, "export wants the place to write to: -o PATH");
    if (status == TW_OK && options.decodes_photos && options.format != TW_EXPORT_ONNX)
        status = tw_fail(&error, TW_INVALID, "--image-decoder belongs to --format onnx: a SavedModel always decodes");
    if (status == TW_OK)
        status = tw_export(&options, &error);
    if (status == TW_OK && (console->is_json || !console->is_quiet))
        status =
            tw_buffer_printf(&out, &error, console->is_json ? "{\"output\":\"%s\",\"format\":\"%s\"}\n" : "%s: %s\n",
                             options.output_uri, format);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_buffer_release(&out);
    return code;
}
